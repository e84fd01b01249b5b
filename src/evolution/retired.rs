//! A placeholder for a flow that a migration has ended, until its answer is passed to the instance below.

use serde::{Deserialize, Serialize};

use crate::component::{AnyComponent, Component, ComponentDescriptor, Kind, registry};
use crate::schema::probed;

/// Stands in a decoded conversation for a flow that a migration has ended. Never saved.
#[derive(Serialize, Deserialize)]
pub(crate) struct Retired;

#[typetag::serde(name = "stube:retired")]
impl AnyComponent for Retired {}

impl Component for Retired {
    type Answer = ();

    const DESCRIPTOR: &'static ComponentDescriptor = &ComponentDescriptor {
        type_name: std::any::type_name::<Self>,
        answer: std::any::type_name::<()>,
        name: "stube:retired",
        was: &[],
        probe: probed::<Self>,
        probe_answer: probed::<()>,
        kind: Kind::Component { resumes: &[] },
        transient: true,
        krate: registry::OWN_CRATE,
        defined: module_path!(),
    };
}
