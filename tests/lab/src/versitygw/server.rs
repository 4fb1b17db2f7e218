//! A lab's VersityGW as processes: started once, found by everybody else.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::{ACCOUNT, ADMINISTRATOR, Error, PORT, REALM, STS_PORT, VersityGw};
use crate::Lab;
use crate::command::{bound, run, run_with_input};
use crate::file::fail;
use crate::guest::{Guests, Record};
use crate::https::{Client, Request};
use crate::iam;
use crate::keycloak::{self, PUBLIC_NAME};
use crate::lock::Lock;
use crate::packages;
use crate::process::Process;
use crate::progress::{Progress, step};
use crate::state::write_whole;
use crate::tools;

/// What the name in Keycloak's certificate means to it: an address of those for documentation, which is
/// neither private nor anybody's.
const PUBLIC_ADDRESS: &str = "192.0.2.10";

/// The version of IAM's interface.
const IAM: &str = "2010-05-08";

/// Half a day, as much as it gives.
const LONG: &str = "43200";

/// VersityGW in this lab, serving, with Keycloak, its realm and the roles that trust it.
pub(crate) fn start(lab: &Lab, progress: &mut dyn Progress) -> Result<VersityGw, Error> {
    let keycloak = keycloak::start(lab, progress)?;
    let gateway = VersityGw {
        address: lab.address().ok_or(Error::NoSubnet)?,
        client: Client::trusting(&lab.certificate_authority())?,
        authority: lab.certificate_authority(),
        keycloak,
    };
    let file = lab.state_dir().join("versitygw.json");
    let _lock = Lock::acquire(&lab.state_dir().join("versitygw.lock"), || {})?;
    let mut record = Record::read(&file);
    if record.is_running() {
        return Ok(gateway);
    }
    let program = lab.client(tools::Client::VersityGw, progress)?;
    step(progress, "start VersityGW", |_| {
        record.clear()?;
        let realm = json!({ "attributes": { "frontendUrl": format!("https://{PUBLIC_NAME}") } });
        gateway.keycloak.admin(REALM).create_realm(&realm);
        show_keycloak(lab, &gateway)?;
        spawn(lab, &gateway, &program, |process| {
            record.add(process);
            Ok(write_whole(&file, &record)?)
        })?;
        furnish(&gateway)?;
        record.ready();
        Ok(write_whole(&file, &record)?)
    })
    .map(|()| gateway)
}

/// Leads port 443 of the public address to Keycloak, in the lab's network.
fn show_keycloak(lab: &Lab, gateway: &VersityGw) -> Result<(), Error> {
    let inside = |program: &str| {
        let mut command = bound("nsenter");
        command.args([
            "--net",
            "--target",
            &lab.init_pid().to_string(),
            "--",
            program,
        ]);
        command.env("PATH", packages::path());
        command
    };
    let address = format!("{PUBLIC_ADDRESS}/32");
    run(inside("ip").args(["address", "replace", &address, "dev", "lo"]))?;
    let keycloak = keycloak::socket(gateway.address);
    let rules = format!(
        "table ip idp\ndelete table ip idp\ntable ip idp {{\nchain output {{\n\
         type nat hook output priority -100;\n\
         ip daddr {PUBLIC_ADDRESS} tcp dport 443 dnat to {keycloak}\n}}\n}}\n"
    );
    run_with_input(inside("nft").args(["--file", "-"]), rules.as_bytes())?;
    Ok(())
}

/// Starts both servers and waits until they answer.
fn spawn(
    lab: &Lab,
    gateway: &VersityGw,
    program: &Path,
    mut started: impl FnMut(Process) -> Result<(), Error>,
) -> Result<(), Error> {
    let directory = lab.layout().data("versitygw");
    if directory.exists() {
        fs::remove_dir_all(&directory).map_err(fail("remove", &directory))?;
    }
    for folder in ["iam", "buckets"].map(|folder| directory.join(folder)) {
        fs::create_dir_all(&folder).map_err(fail("create", &folder))?;
    }
    let hosts = directory.join("hosts");
    let names = format!("127.0.0.1 localhost\n{PUBLIC_ADDRESS} {PUBLIC_NAME}\n");
    fs::write(&hosts, names).map_err(fail("write", &hosts))?;
    let guests = Guests::new(lab, &directory)
        .showing(&lab.certificate_authority(), packages::AUTHORITIES)?
        .showing(&hosts, "/etc/hosts")?;
    let socket = directory.join("iam.sock");
    let line = |command: &mut Command, port: u16| {
        let (key, secret) = ADMINISTRATOR;
        command
            .env("ROOT_ACCESS_KEY_ID", key)
            .env("ROOT_SECRET_ACCESS_KEY", secret)
            .arg("--port")
            .arg(format!("{}:{port}", gateway.address))
            .arg("--cert")
            .arg(lab.layout().pki("versitygw.crt"))
            .arg("--key")
            .arg(lab.layout().pki("versitygw.key"));
    };
    let iam = guests.spawn("versitygw-iam", program, |command| {
        line(command, STS_PORT);
        command.args(["iam", "--dir"]).arg(directory.join("iam"));
        command.arg("--private-ports").arg(&socket);
    })?;
    started(iam)?;
    let answers = |url: &str| Ok::<_, Error>(gateway.client.send(&Request::get(url)?).is_ok());
    guests.until("versitygw-iam", iam, || answers(&gateway.sts_url()))?;
    let s3 = guests.spawn("versitygw", program, |command| {
        line(command, PORT);
        command.arg("--iam-standalone-endpoint").arg(&socket);
        command.arg("posix").arg(directory.join("buckets"));
    })?;
    started(s3)?;
    guests.until("versitygw", s3, || answers(&gateway.url()))?;
    Ok(())
}

/// Makes the roles that are there from the start.
fn furnish(gateway: &VersityGw) -> Result<(), Error> {
    let issuer = format!("{PUBLIC_NAME}/realms/{REALM}");
    ask_iam(
        gateway,
        "CreateOpenIDConnectProvider",
        &[
            ("Url", &format!("https://{issuer}")),
            ("ClientIDList.member.1", "direct"),
        ],
    )?;
    let admin = gateway.keycloak.admin(REALM);
    for (name, user, longest) in [
        ("alice", Some("alice"), None),
        ("bob", Some("bob"), None),
        ("alice-long", Some("alice"), Some(LONG)),
        ("powerless", None, None),
    ] {
        let mut condition = json!({ format!("{issuer}:aud"): "direct" });
        if let Some(user) = user {
            condition[format!("{issuer}:sub")] = admin.user(user).into();
        }
        let trust = iam::policy(&json!([{
            "Effect": "Allow",
            "Principal": { "Federated": format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer}") },
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Condition": { "StringEquals": condition },
        }]))
        .to_string();
        let mut fields = vec![("RoleName", name), ("AssumeRolePolicyDocument", &trust)];
        fields.extend(longest.map(|seconds| ("MaxSessionDuration", seconds)));
        ask_iam(gateway, "CreateRole", &fields)?;
        let Some(user) = user else { continue };
        let permissions = iam::buckets_of(user).to_string();
        let fields = [
            ("RoleName", name),
            ("PolicyName", "buckets"),
            ("PolicyDocument", &permissions),
        ];
        ask_iam(gateway, "PutRolePolicy", &fields)?;
    }
    Ok(())
}

fn ask_iam(gateway: &VersityGw, action: &str, fields: &[(&str, &str)]) -> Result<(), Error> {
    let all = [("Action", action), ("Version", IAM)];
    let fields = all.iter().chain(fields).copied();
    let request = Request::form(&format!("{}/", gateway.sts_url()), fields)?;
    let signed = gateway.administrator().sign("iam", request);
    let answer = gateway.client.send(&signed)?;
    if answer.status() == 200 {
        return Ok(());
    }
    Err(Error::Refused {
        what: action.to_owned(),
        status: answer.status(),
        said: answer.text(),
    })
}
