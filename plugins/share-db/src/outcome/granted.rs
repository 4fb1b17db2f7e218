use datalab_core::{
    cli::{DisplayName, DryRun},
    report::{Outcome, printable_lines},
    words::{Namespace, Subject},
};
use serde::Serialize;

use crate::{
    catalogue::Engine,
    grant::{self, Action, ActionVerb, GrantRequest, LoginProof, Proof},
    network::Exposure,
    outcome::{by_name, public_reach::public_reach},
    postgres::Access,
};

/// A share as it is now, or would be.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Granted {
    pub(crate) result: GrantResult,
    pub(crate) dry_run: DryRun,
    pub(crate) namespace: String,
    pub(crate) database: String,
    pub(crate) friendly_name: Option<String>,
    pub(crate) host: String,
    pub(crate) port: i32,
    pub(crate) server_version: String,
    pub(crate) sql_database: String,
    pub(crate) owner: String,
    pub(crate) grantee: String,
    pub(crate) subjects: Vec<String>,
    pub(crate) derivation: String,
    pub(crate) access: Access,
    pub(crate) schemas: Vec<String>,
    /// A moment, or `never`.
    pub(crate) expires: String,
    /// Sessions at once; `null` is no limit.
    pub(crate) connection_limit: Option<u32>,
    pub(crate) role: String,
    pub(crate) secret: String,
    pub(crate) exposure: Exposure,
    /// Policies of the database's own release that select none of its pods.
    pub(crate) idle_policies: Vec<String>,
    /// Whose operator the database's own policy lets in, where it needs one.
    pub(crate) operator_namespace: Option<String>,
    /// Whether the policies keep the operator, which runs the database, from its pods.
    pub(crate) is_operator_shut_out: bool,
    /// What is different from before, a line each.
    pub(crate) changes: Vec<String>,
    pub(crate) objects: Vec<Action>,
    /// The statements that were, or would be, run; no password or verifier in them.
    pub(crate) statements: Vec<String>,
    pub(crate) proof: Proof,
    /// The line to send to the grantee.
    pub(crate) connect: String,
    /// The line that takes the share back.
    pub(crate) revoke: String,
    #[serde(skip)]
    expire: String,
    #[serde(skip)]
    isolate: String,
}

/// What became of the share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum GrantResult {
    Created,
    Changed,
    Unchanged,
}

impl Granted {
    pub(crate) fn new(name: &DisplayName, request: &GrantRequest, done: grant::Done) -> Self {
        let grant::Done {
            survey,
            written,
            proof,
        } = done;
        let (identity, terms) = (&survey.identity, &survey.terms);
        let is_new = survey.existing.secret.is_none();
        let target = format!(
            "postgres/{} --with {} -n {}",
            identity.database, identity.grantee, identity.namespace
        );
        Self {
            result: match (is_new, survey.is_unchanged()) {
                (true, _) => GrantResult::Created,
                (false, false) => GrantResult::Changed,
                (false, true) => GrantResult::Unchanged,
            },
            dry_run: request.dry_run,
            namespace: identity.namespace.to_string(),
            database: identity.database.clone(),
            friendly_name: survey.friendly_name.clone(),
            host: survey.address.host.clone(),
            port: survey.address.port,
            server_version: survey.shared.facts.version_text(),
            sql_database: terms.database.clone(),
            owner: survey.shared.owner.clone(),
            grantee: identity.grantee.to_string(),
            subjects: terms.subjects.iter().map(Subject::to_string).collect(),
            derivation: survey.grantee.derivation.clone(),
            access: terms.access,
            schemas: terms.schemas.clone(),
            expires: terms.expiry.to_string(),
            connection_limit: terms.connection_limit,
            role: survey.login.role.clone(),
            secret: identity.object_name(),
            exposure: if survey.wanted.base_policy.is_some()
                && survey.network.exposure == Exposure::Open
            {
                Exposure::Isolated {
                    policies: survey
                        .wanted
                        .base_policy
                        .iter()
                        .filter_map(|policy| policy.metadata.name.clone())
                        .collect(),
                }
            } else {
                survey.network.exposure.clone()
            },
            idle_policies: survey.network.idle_policies.clone(),
            operator_namespace: survey.network.operator.as_ref().map(Namespace::to_string),
            is_operator_shut_out: survey.network.shuts_operator_out
                && survey.wanted.base_policy.is_none(),
            changes: survey.changes(),
            objects: written.actions,
            statements: written
                .statements
                .iter()
                .map(|statement| statement.shown().to_owned())
                .collect(),
            proof,
            connect: format!(
                "{name} connect {}/{} -- psql",
                identity.namespace, identity.database
            ),
            revoke: format!("{name} revoke {target}"),
            expire: format!("{name} revoke --expired -n {}", identity.namespace),
            isolate: {
                let operator = match survey.database.engine {
                    Engine::Chart => "",
                    Engine::CloudNativePg => " --operator-namespace NAMESPACE",
                };
                let flags = request.flags_of_terms();
                format!("{name} {target}{flags} --isolate{operator}")
            },
        }
    }

    /// Whether anything was, or would be, written.
    pub(crate) fn differs(&self) -> bool {
        self.result != GrantResult::Unchanged
    }

    fn headline(&self) -> String {
        let called = self
            .friendly_name
            .as_ref()
            .map(|name| format!(" ({name})"))
            .unwrap_or_default();
        let dry = match self.dry_run {
            DryRun::Client => " (dry run)",
            DryRun::Server => " (server dry run)",
            DryRun::None => "",
        };
        let verb = match self.result {
            GrantResult::Created => "shared",
            GrantResult::Changed => "share changed",
            GrantResult::Unchanged => "share unchanged",
        };
        format!(
            "{verb}: postgres/{}{called} of {} with {}{dry}",
            self.database, self.namespace, self.grantee
        )
    }

    fn terms(&self, lines: &mut Vec<String>) {
        let limit = match self.connection_limit {
            None => "any number of sessions".to_owned(),
            Some(1) => "one session".to_owned(),
            Some(limit) => format!("at most {limit} sessions"),
        };
        lines.push(format!(
            "  access    {} on schemas {} of database {}",
            self.access,
            self.schemas.join(", "),
            self.sql_database
        ));
        lines.push(format!(
            "  address   {}:{} (PostgreSQL {})",
            self.host, self.port, self.server_version
        ));
        lines.push(format!("  login     {}, {limit} at once", self.role));
        lines.push(format!(
            "  for       {} ({})",
            self.subjects.join(", "),
            self.derivation
        ));
        lines.push(match self.expires.as_str() {
            "never" => "  until     it is revoked: new logins have no end".to_owned(),
            expires => format!("  until     {expires}: new logins end then; open sessions and objects stay until `{}`", self.expire),
        });
        self.network(lines);
    }

    fn network(&self, lines: &mut Vec<String>) {
        lines.push(match &self.exposure {
            Exposure::Isolated { policies } => format!(
                "  network   isolated by {}; pods of {} are let in to port {}",
                policies.join(", "),
                self.grantee,
                self.port
            ),
            Exposure::Open => format!(
                "  network   open: every pod of the cluster reaches it, share or not; `{}` closes it",
                self.isolate
            ),
            Exposure::OpenedBy { policies } => format!(
                "  network   open: {} lets every pod of the cluster in, share or not",
                policies.join(", ")
            ),
        });
        if self.exposure == Exposure::Open {
            lines.extend(self.idle_policies.iter().map(|policy| {
                format!(
                    "            networkpolicy {policy} of its release closes nothing: it selects none of its pods"
                )
            }));
        }
        if let (Exposure::Isolated { .. }, Some(operator)) =
            (&self.exposure, &self.operator_namespace)
        {
            lines.push(format!(
                "            pods of its operator in namespace {operator} are let in as well"
            ));
        }
        if self.is_operator_shut_out {
            lines.push(format!(
                "  warning   no policy lets the operator reach port 8000 of the pods: it makes no other the primary when one fails; `{}` lets it in",
                self.isolate
            ));
        }
    }

    fn writes(&self, wide: bool, lines: &mut Vec<String>) {
        lines.extend(
            self.changes
                .iter()
                .map(|change| format!("  changed   {change}")),
        );
        let mut verbs = vec![
            ActionVerb::Created,
            ActionVerb::Changed,
            ActionVerb::Deleted,
        ];
        if wide {
            verbs.push(ActionVerb::Unchanged);
        }
        for verb in verbs {
            let objects: Vec<_> = self
                .objects
                .iter()
                .filter(|object| object.action == verb)
                .map(|object| (object.kind, object.name.as_str()))
                .collect();
            for line in by_name(&objects) {
                lines.push(format!("  {:<9} {line}", verb.word()));
            }
        }
        if wide || self.dry_run.is_dry() {
            lines.extend(
                self.statements
                    .iter()
                    .map(|statement| format!("  sql       {statement};")),
            );
        }
    }

    /// Who else can read the login: what a person who shares it should know.
    fn readers(&self) -> String {
        let pods: Vec<String> = self
            .subjects
            .iter()
            .filter_map(|subject| subject.strip_prefix("group:system:serviceaccounts:"))
            .map(|namespace| format!("; every pod of {namespace} by its service account"))
            .collect();
        format!(
            "  readers   of its Secret: those who read all Secrets of {}{}",
            self.namespace,
            pods.concat()
        )
    }

    fn proofs(&self, lines: &mut Vec<String>) {
        if self.dry_run.is_dry() {
            return;
        }
        match self.proof.login {
            Some(LoginProof::Proven) => lines.push("  proven    the login is let in, a wrong password is not".to_owned()),
            Some(LoginProof::LoopbackTrusted) => lines.push(
                "  unproven  the password: the server trusts loopback and lets any password in from inside its pod".to_owned(),
            ),
            Some(LoginProof::NoConnectionLeft) => {
                lines.push("  unproven  the password: the server, or the login, has no session left to try with".to_owned());
            }
            None => {}
        }
        let mut users: Vec<&str> = self
            .proof
            .reviews
            .iter()
            .map(|review| review.user.as_str())
            .collect();
        users.dedup();
        for user in users {
            let reviews: Vec<_> = self
                .proof
                .reviews
                .iter()
                .filter(|review| review.user == user)
                .collect();
            let groups = reviews
                .first()
                .map(|review| review.groups.join(", "))
                .unwrap_or_default();
            let list = |allowed: bool| {
                let questions: Vec<_> = reviews
                    .iter()
                    .filter(|review| review.allowed == allowed)
                    .map(|review| review.question.as_str())
                    .collect();
                if questions.is_empty() {
                    "nothing".to_owned()
                } else {
                    questions.join(", ")
                }
            };
            lines.push(format!("  proven    {user} (assumed groups: {groups})"));
            lines.push(format!("            may: {}", list(true)));
            lines.push(format!("            may not: {}", list(false)));
            for review in reviews
                .iter()
                .filter(|review| review.allowed != review.expected)
            {
                lines.push(if review.expected {
                    format!(
                        "  warning   {user} may not {}: the share is of no use to them",
                        review.question
                    )
                } else {
                    format!(
                        "  warning   {user} may {} by other rights than this share's",
                        review.question
                    )
                });
            }
        }
        lines.extend(
            self.proof
                .gaps
                .iter()
                .map(|gap| format!("  unproven  {gap}")),
        );
        if let Some(reach) = &self.proof.reach {
            if reach.reads_verifiers {
                lines.push("  warning   the login can read password verifiers (pg_authid): PUBLIC was granted what no one should have".to_owned());
            }
            for database in &reach.databases {
                lines.extend(public_reach(database));
            }
        }
        lines.extend(self.operator_namespace.iter().map(|operator| {
            format!("  unproven  from here: that the operator runs in namespace {operator}")
        }));
        lines.push(format!(
            "  unproven  from here: that namespace {} exists, and the network path from its pods (known by kubernetes.io/metadata.name={})",
            self.grantee, self.grantee
        ));
    }
}

impl Outcome for Granted {
    const KIND: &'static str = "Share";

    fn text(&self, wide: bool) -> String {
        let mut lines = vec![self.headline()];
        self.terms(&mut lines);
        self.writes(wide, &mut lines);
        self.proofs(&mut lines);
        lines.push(self.readers());
        if !self.dry_run.is_dry() {
            lines.push(format!("send to {}: {}", self.grantee, self.connect));
            lines.push(format!("take back: {}", self.revoke));
        }
        printable_lines(&lines)
    }

    fn names(&self) -> Vec<String> {
        self.objects
            .iter()
            .filter(|object| object.action != ActionVerb::Deleted)
            .map(|object| format!("{}/{}", object.kind, object.name))
            .collect()
    }
}
