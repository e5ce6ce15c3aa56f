//! Support vector machines.

mod cache;
mod expansion;
mod machine;
mod one_class;
mod platt;
mod probability;
mod solver;
mod svc;
mod svc_model;
mod svr;

pub(crate) use expansion::Expansion;
pub use one_class::{OneClassSvm, OneClassSvmModel};
pub use probability::{ProbabilisticSvc, ProbabilisticSvcModel};
pub use svc::Svc;
pub use svc_model::SvcModel;
pub use svr::{Svr, SvrModel};
