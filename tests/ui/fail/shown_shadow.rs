use stube::{Info, Prompt, flow};

macro_rules! show {
    ($value:expr) => {
        println!("{} = {}", stringify!($value), $value)
    };
}

#[flow]
async fn three_deep() {
    let x = Prompt::new("x").await;
    {
        let x = Prompt::new(&x).await;
        {
            let x = Prompt::new(&x).await;
            Info::new("wait").await;
            show!(x);
            assert!(x.len() > 3);
            assert!(x.len() > 3, "{x} is too short");
        }
        show!(x);
        Info::new(&x).await;
    }
    show!(x);
}

fn main() {}
