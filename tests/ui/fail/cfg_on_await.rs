use stube::{Choose, Confirm, Info, flow};

struct Order {
    sure: bool,
}

fn both(one: bool, other: bool) -> bool {
    one && other
}

#[flow]
async fn order() -> bool {
    #[cfg(unix)]
    let sure = Confirm::new("Order it?").await;
    #[cfg(any())]
    Info::new("never").await;
    #[cfg_attr(all(), cfg(unix))]
    if sure {
        Info::new("sometimes").await;
    }
    // This one is no question of the configuration.
    #[cfg_attr(all(), allow(unused_variables))]
    let room = Choose::new("room", ["blue", "red"]).await;
    #[cfg(unix)]
    let room = "blue";
    match room {
        #[cfg(unix)]
        "blue" => Confirm::new("Blue?").await,
        #[cfg(any())]
        "green" => false,
        _ => {
            let order = Order {
                #[cfg(unix)]
                sure: Confirm::new("Sure?").await,
            };
            order.sure
        }
    }
}

#[flow]
async fn in_an_argument() -> bool {
    both(
        #[cfg(all())]
        Confirm::new("one?").await,
        true,
    )
}

fn main() {}
