//! Real servers for the tests: a Kubernetes cluster with a real node, tenants and databases.
//!
//! A [`Lab`] is a cluster of one node in network, mount, pid and cgroup namespaces of its own on
//! this machine. `cargo xtask lab up` starts one, tests find it with [`Lab::from_env`], and several
//! may run side by side. Everything that a lab is made of ends with its first process.
//!
//! - what is needed first: `packages` (of the machine), `tools` (the servers, built with Go),
//!   `image` (of all pods), kept in the cache of `directories`
//! - the cluster: `pki`, `kubeconfig`, `control_plane`, `node`, each started as a `part`
//! - around it: [`init`] (the first process), `cgroup`, `mounts`, `network`, `state`; `guest` (what comes
//!   later)
//! - on it: [`policy`] (enforces NetworkPolicies), [`tenant`] (namespaces, users and databases)
//! - on it when a story asks for it: `cloudnative_pg` (the operator), [`keycloak`], more images, and the
//!   browser that logs in there ([`headless`], by way of [`https`]); [`ceph`] and [`versitygw`] (object
//!   storage), and their clients, which are not ours ([`consumers`])
//! - between a program and it: [`proxy`] (counts, stops, answers in its place)
//! - instead of a real one, which cannot be told to misbehave: [`identity_provider`], [`object_storage`]
//!   (their sockets, journals and faults: [`loopback`])
//! - for tests that need any of this: [`skip`]; for those of disks: [`private_mounts`]
//!
//! | variable | what it holds |
//! |---|---|
//! | `DATALAB_CACHE` | where binaries and images are kept; else XDG's cache directory |
//! | `DATALAB_STATE` | where the labs' directories are; else XDG's state directory |
//! | `DATALAB_LAB` | the state file of the lab that tests use; `cargo xtask lab env` prints it |
//! | `DATALAB_SKIPS` | a file to which each skipped test adds a line |
//! | `TEST_ASSET_NAME` | a binary to use instead of building it, such as `TEST_ASSET_KUBE_APISERVER` |
//! | `TEST_ASSET_NETWORK_POLICY_ENGINE` | a real engine, called as kube-router is, instead of [`policy`] |
//! | `KUBEBUILDER_ASSETS` | a folder of such binaries |
//! | `CI` | when `true`, a test that would be skipped fails |

pub mod ceph;
mod cgroup;
mod cloudnative_pg;
mod command;
pub mod consumers;
mod control_plane;
pub mod desk;
mod directories;
mod file;
mod guest;
pub mod headless;
pub mod https;
mod iam;
pub mod identity_provider;
mod image;
pub mod init;
pub mod keycloak;
mod kubeconfig;
mod lab;
mod layout;
mod lock;
pub mod loopback;
mod mounts;
mod name;
mod network;
mod node;
pub mod object_storage;
mod packages;
mod part;
mod pki;
pub mod policy;
pub mod private_mounts;
mod process;
mod progress;
pub mod proxy;
mod signature;
mod skip;
mod state;
pub mod tenant;
mod tools;
pub mod versitygw;

pub use directories::{Error as DirectoryError, cache_directory};
pub use file::FileError;
pub use image::IMAGE;
pub use lab::{
    ClientError, DownError, FindError, ImageError, LAB_VARIABLE, Lab, Outcome, PartStatus,
    PrepareError, Status, UpError, down,
};
pub use name::{InvalidName, LabName};
pub use part::{Condition, Report};
pub use progress::{Event, Progress};
pub use skip::skip;
