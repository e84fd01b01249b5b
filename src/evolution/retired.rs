//! What takes the place of a flow that a migration has ended, until its answer is handed on.

use serde::{Deserialize, Serialize};

use crate::component::{AnyComponent, Component, ComponentDescriptor, Kind, registry};
use crate::schema::probed;

/// Stands where a flow of an earlier release has ended. It is never saved.
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
