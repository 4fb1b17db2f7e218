//! The lab's object stores: who gets a role there, and what it opens.

mod ceph;
mod consumers;
mod versitygw;
