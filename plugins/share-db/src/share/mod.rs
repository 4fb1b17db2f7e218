//! One share: who gets which database, on which terms, and the objects that say so.
//!
//! A share is four objects in the owner's namespace and one login in the database. All names follow
//! from the owner's namespace, the database and the grantee's namespace ([`Identity`]), so neither
//! side has to list anything to find them:
//!
//! | object | what for |
//! |---|---|
//! | Secret `share-DATABASE-GRANTEE-ID` | address and login; its annotations hold the [`Terms`] |
//! | Role, RoleBinding of that name | let the grantee read that one Secret; the binding is the publication |
//! | NetworkPolicy of that name | lets the grantee's pods reach the database's port, where it is isolated |
//! | login `share_GRANTEE_ID` | carries the id in its comment |

mod grantee;
mod identity;
mod objects;
mod password;
mod record;
mod terms;

pub(crate) use grantee::{Grantee, derive};
pub(crate) use identity::{
    BY_PURPOSE, COMMENT_BEGINNING, DATABASE_LABEL, GRANTEE_LABEL, Identity, base_labels,
};
pub(crate) use objects::{
    Address, CA_KEY, Keeper, binding, covers, is_ours, ours, password_in, role, secret,
};
pub(crate) use password::generate;
pub(crate) use record::{Record, Records};
pub(crate) use terms::{Expiry, Terms};
