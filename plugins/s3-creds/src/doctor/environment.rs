use datalab_core::{
    report::{Finding, Verdict},
    world::World,
};

/// Keys that are set there win over every profile.
const KEYS: [&str; 2] = ["AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN"];

/// What else leads programs to other keys or another store.
const LEADING: [&str; 7] = [
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
];

/// What programs that are started from here would find.
pub(super) fn look(world: &World) -> Vec<Finding> {
    let set = |names: &[&str]| {
        let names = names
            .iter()
            .filter(|name| world.environment().get(name).is_some());
        names.copied().collect::<Vec<_>>().join(", ")
    };
    let mut findings = Vec::new();
    let keys = set(&KEYS);
    if !keys.is_empty() {
        findings.push(
            Finding::new(
                "settings",
                Verdict::Odd,
                format!("{keys}: these keys win over every profile, also when they have expired"),
            )
            .next(format!("unset {}", keys.replace(", ", " "))),
        );
    }
    let leading = set(&LEADING);
    if !leading.is_empty() {
        findings.push(Finding::new(
            "settings",
            Verdict::Odd,
            format!("{leading}: programs follow these; exec and shell see to it"),
        ));
    }
    findings
}
