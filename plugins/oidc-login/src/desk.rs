use datalab_core::{
    cli::DisplayName,
    oidc::{KnownIssuers, Sessions},
    report::Failure,
    world::World,
};

/// Tool and version, as servers see them.
pub(crate) const USER_AGENT: &str =
    concat!("kubectl-datalab-oidc-login/", env!("CARGO_PKG_VERSION"));

/// What a use case works with: what may be touched, and what is kept.
#[derive(Debug)]
pub(crate) struct Desk<'w> {
    pub(crate) world: &'w World,
    /// How the command is spelled, for commands to go on with.
    pub(crate) name: &'w DisplayName,
    pub(crate) sessions: Sessions<'w>,
    /// The issuers that the user has said yes to.
    pub(crate) known: KnownIssuers,
}

impl<'w> Desk<'w> {
    pub(crate) fn at(world: &'w World, name: &'w DisplayName) -> Result<Self, Failure> {
        let sessions = Sessions::new(USER_AGENT, world)?;
        let known = KnownIssuers::load(&KnownIssuers::folder(world)?)?;
        Ok(Self {
            world,
            name,
            sessions,
            known,
        })
    }
}
