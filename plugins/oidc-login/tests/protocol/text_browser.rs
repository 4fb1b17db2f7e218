//! A browser for text, which wants the terminal and does not end by itself.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::desk::Desk;

#[test]
fn a_browser_for_text_is_not_waited_for_and_gets_no_stream() {
    // Those that the library behind would run in the foreground.
    for name in ["lynx", "w3m"] {
        let desk = Desk::new();
        let folder = desk.path("");
        let browser = desk.path(name);
        let script = format!(
            "#!/bin/sh\n\
             echo noise\n\
             echo noise >&2\n\
             printf '%s\\n' \"$2\" >> {0}/pages\n\
             while [ -e {0}/pages ]; do sleep 0.1; done\n",
            folder.display()
        );
        fs::write(&browser, script).unwrap();
        fs::set_permissions(&browser, fs::Permissions::from_mode(0o755)).unwrap();
        // The one that is not there is passed over.
        let variable = format!("/nonexistent/browser:{} -new %s", browser.display());
        let output = desk.get_token().with("BROWSER", variable).run();
        output.token();
        assert!(!output.stderr.contains("noise"), "{output}");
        assert_eq!(desk.pages().asked().len(), 1, "{name}");
    }
}
