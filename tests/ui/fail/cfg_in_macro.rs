use stube::{Info, flow};

#[flow]
async fn order(n: u32) -> u32 {
    println!("{}", {
        #[cfg(any())]
        return 1;
        n
    });
    let list = vec![n, match n {
        #[cfg(unix)]
        0 => 5,
        _ => 6,
    }];
    Info::new("wait").await;
    // In a macro whose arguments the flow does not read, rustc evaluates it.
    tell!({
        #[cfg(any())]
        let n = 5;
        n
    });
    list[0]
}

#[macro_export]
macro_rules! tell {
    ($value:expr) => {
        println!("{}", $value)
    };
}

fn main() {}
