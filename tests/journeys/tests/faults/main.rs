//! Sharing a database while servers, networks and the tool itself fail, on purpose.
//!
//! | part | what happens |
//! |---|---|
//! | `api_server` | it refuses, is overloaded, answers nonsense, is slow or goes away, at the first request and at the first and last write |
//! | `database` | the server or a port-forward goes away in mid-transaction |
//! | `killed` | the tool is killed before and after each of its requests and statements |
//! | `quota` | a quota refuses the first object or a later one |
//! | `races` | grants and revokes at the same time |

mod api_server;
mod database;
mod killed;
mod life;
mod quota;
mod races;
mod scene;
