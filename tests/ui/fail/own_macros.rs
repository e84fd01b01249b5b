use stube::{Info, Prompt, flow};

macro_rules! tell {
    ($text:expr) => {
        println!("outside: {}", $text)
    };
}

#[flow]
async fn named(step: u32) -> u32 {
    macro_rules! stepped {
        ($x:expr) => {
            $x + step
        };
    }
    let name = Prompt::new("name").await;
    macro_rules! greet {
        () => {
            println!("hello {name}")
        };
    }
    // It binds what it names.
    macro_rules! sum {
        ($($x:expr),*) => {{ let mut step = 0; $(step += $x;)* step }};
    }
    greet!();
    sum!(stepped!(1), name.len() as u32)
}

#[flow]
async fn two_meanings() {
    tell!("one");
    macro_rules! tell {
        ($text:expr) => {
            println!("inside: {}", $text)
        };
    }
    Info::new("wait").await;
    tell!("two");
    macro_rules! twice {
        ($x:expr) => {
            2 * $x
        };
    }
    let n = twice!(1);
    macro_rules! twice {
        ($x:expr) => {
            2 + $x
        };
    }
    Info::new("wait").await;
    println!("{}", twice!(n));
}

#[flow]
async fn declared() -> u32 {
    macro_rules! set {
        ($x:ident, $value:expr) => {
            let mut $x = $value;
        };
    }
    macro_rules! add {
        ($x:ident, $value:expr) => {{
            let $x = $x + $value;
            $x
        }};
    }
    let x = 1;
    set!(x, 2);
    Info::new("wait").await;
    add!(x, 3)
}

fn main() {}
