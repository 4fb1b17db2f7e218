//! The version that a binary says it has.

/// A constant instead of the clock: the same inputs make the same binary.
const BUILD_DATE: &str = "2026-09-15T00:00:00Z";

/// The packages in which a Kubernetes binary keeps its version; without a stamp `/version` says
/// v0.0.0, and whoever compares versions refuses.
const KUBERNETES: [&str; 2] = [
    "k8s.io/component-base/version",
    "k8s.io/client-go/pkg/version",
];

/// The package in which CloudNativePG's operator keeps its version.
const CLOUDNATIVE_PG: &str = "github.com/cloudnative-pg/cloudnative-pg/pkg/versions";

/// Which variables a module's binaries keep their version in.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stamp {
    /// None: nobody asks.
    None,
    /// Those of Kubernetes.
    Kubernetes,
    /// Those of CloudNativePG.
    CloudNativePg,
}

impl Stamp {
    /// The module whose version it is.
    pub(super) fn module(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Kubernetes => Some("k8s.io/kubernetes"),
            Self::CloudNativePg => Some("github.com/cloudnative-pg/cloudnative-pg"),
        }
    }

    /// What the linker is to set, from a version such as `v1.37.1`.
    pub(super) fn variables(self, version: &str) -> Vec<String> {
        let plain = version.trim_start_matches('v');
        let mut numbers = plain.split('.');
        let (major, minor) = (numbers.next().unwrap_or(""), numbers.next().unwrap_or(""));
        let set = |package: &str, name: &str, value: &str| format!("{package}.{name}={value}");
        match self {
            Self::None => Vec::new(),
            Self::Kubernetes => KUBERNETES
                .iter()
                .flat_map(|package| {
                    [
                        set(package, "gitVersion", version),
                        set(package, "gitMajor", major),
                        set(package, "gitMinor", minor),
                        set(package, "gitTreeState", "clean"),
                        set(package, "gitCommit", version),
                        set(package, "buildDate", BUILD_DATE),
                    ]
                })
                .collect(),
            Self::CloudNativePg => vec![
                set(CLOUDNATIVE_PG, "buildVersion", plain),
                set(CLOUDNATIVE_PG, "buildCommit", version),
                set(CLOUDNATIVE_PG, "buildDate", BUILD_DATE),
            ],
        }
    }
}

/// The version in go.mod's line `MODULE vX.Y.Z`.
pub(super) fn required_version(go_mod: &str, module: &str) -> Option<String> {
    go_mod.lines().find_map(|line| {
        let line = line.trim().trim_start_matches("require ");
        let version = line
            .strip_prefix(module)?
            .strip_prefix(" v")?
            .split_whitespace()
            .next()?;
        (version.split('.').count() == 3).then(|| format!("v{version}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_that_of_the_module_itself() {
        let go_mod = "replace k8s.io/api => k8s.io/api v0.37.1\n\tk8s.io/kubernetes v1.37.1\n";
        let kubernetes = |go_mod| required_version(go_mod, "k8s.io/kubernetes");
        assert_eq!(kubernetes(go_mod), Some("v1.37.1".to_owned()));
        assert_eq!(kubernetes("k8s.io/kubernetes/x v1.37.1"), None);
    }

    #[test]
    fn every_place_that_is_asked_has_the_version() {
        let kubernetes = Stamp::Kubernetes.variables("v1.37.1").join(" ");
        assert!(
            kubernetes.contains("k8s.io/client-go/pkg/version.gitMinor=37"),
            "{kubernetes}"
        );
        let operator = Stamp::CloudNativePg.variables("v1.30.0").join(" ");
        assert!(
            operator.contains("pkg/versions.buildVersion=1.30.0"),
            "{operator}"
        );
    }
}
