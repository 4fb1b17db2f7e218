use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
};

use super::World;

impl World {
    /// Where this program lies, as whoever starts it again should spell it: the way it was found
    /// this time, rather than where its links lead, because an installer moves the links when it
    /// brings the next version and removes what they led to.
    ///
    /// # Errors
    /// The operating system does not know.
    pub fn own_path(&self, argv0: Option<&OsStr>) -> io::Result<PathBuf> {
        let real = fs::canonicalize(std::env::current_exe()?)?;
        let argv0 = Path::new(argv0.unwrap_or_default());
        let found = if argv0.components().count() > 1 {
            vec![argv0.to_owned()]
        } else {
            let path = self.environment().get("PATH").unwrap_or_default();
            std::env::split_paths(path)
                .map(|folder| folder.join(argv0))
                .collect()
        };
        let is_it = |path: &PathBuf| fs::canonicalize(path).is_ok_and(|path| path == real);
        match found.into_iter().find(is_it) {
            Some(path) => std::path::absolute(path),
            None => Ok(real),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use jiff::Timestamp;

    use super::*;

    #[test]
    fn the_link_is_kept_and_others_are_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let real = fs::canonicalize(std::env::current_exe().unwrap()).unwrap();
        let link = folder.path().join("kubectl-datalab_tool");
        symlink(&real, &link).unwrap();
        let path = format!("/nowhere:{}", folder.path().display());
        let (world, _) = World::test(Timestamp::UNIX_EPOCH, [("PATH", path.as_str())]);
        let of = |argv0: &str| world.own_path(Some(OsStr::new(argv0))).unwrap();
        assert_eq!(of("kubectl-datalab_tool"), link);
        assert_eq!(of(link.to_str().unwrap()), link);
        assert_eq!(of("/bin/sh"), real);
        assert_eq!(of("sh"), real);
        assert_eq!(world.own_path(None).unwrap(), real);
    }
}
