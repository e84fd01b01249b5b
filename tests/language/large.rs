//! Several hundred awaits in one function.

same! { [()] async fn hundreds_of_awaits() -> u32 {
    let mut total = 0;
    let first = ask_text("first").await;
    if ask_bool("more").await { return total; }
    total += ask(0).await; total += ask(0).await; total += ask(0).await; total += ask(0).await; total += ask(0).await; total += ask(0).await; total += ask(0).await; total += ask(0).await; total += ask(0).await;
    if ask_bool("more").await { return total; }
    total += ask(1).await; total += ask(1).await; total += ask(1).await; total += ask(1).await; total += ask(1).await; total += ask(1).await; total += ask(1).await; total += ask(1).await; total += ask(1).await;
    if ask_bool("more").await { return total; }
    total += ask(2).await; total += ask(2).await; total += ask(2).await; total += ask(2).await; total += ask(2).await; total += ask(2).await; total += ask(2).await; total += ask(2).await; total += ask(2).await;
    if ask_bool("more").await { return total; }
    total += ask(3).await; total += ask(3).await; total += ask(3).await; total += ask(3).await; total += ask(3).await; total += ask(3).await; total += ask(3).await; total += ask(3).await; total += ask(3).await;
    if ask_bool("more").await { return total; }
    total += ask(4).await; total += ask(4).await; total += ask(4).await; total += ask(4).await; total += ask(4).await; total += ask(4).await; total += ask(4).await; total += ask(4).await; total += ask(4).await;
    if ask_bool("more").await { return total; }
    total += ask(5).await; total += ask(5).await; total += ask(5).await; total += ask(5).await; total += ask(5).await; total += ask(5).await; total += ask(5).await; total += ask(5).await; total += ask(5).await;
    if ask_bool("more").await { return total; }
    total += ask(6).await; total += ask(6).await; total += ask(6).await; total += ask(6).await; total += ask(6).await; total += ask(6).await; total += ask(6).await; total += ask(6).await; total += ask(6).await;
    if ask_bool("more").await { return total; }
    total += ask(7).await; total += ask(7).await; total += ask(7).await; total += ask(7).await; total += ask(7).await; total += ask(7).await; total += ask(7).await; total += ask(7).await; total += ask(7).await;
    if ask_bool("more").await { return total; }
    total += ask(8).await; total += ask(8).await; total += ask(8).await; total += ask(8).await; total += ask(8).await; total += ask(8).await; total += ask(8).await; total += ask(8).await; total += ask(8).await;
    if ask_bool("more").await { return total; }
    total += ask(9).await; total += ask(9).await; total += ask(9).await; total += ask(9).await; total += ask(9).await; total += ask(9).await; total += ask(9).await; total += ask(9).await; total += ask(9).await;
    if ask_bool("more").await { return total; }
    total += ask(10).await; total += ask(10).await; total += ask(10).await; total += ask(10).await; total += ask(10).await; total += ask(10).await; total += ask(10).await; total += ask(10).await; total += ask(10).await;
    if ask_bool("more").await { return total; }
    total += ask(11).await; total += ask(11).await; total += ask(11).await; total += ask(11).await; total += ask(11).await; total += ask(11).await; total += ask(11).await; total += ask(11).await; total += ask(11).await;
    if ask_bool("more").await { return total; }
    total += ask(12).await; total += ask(12).await; total += ask(12).await; total += ask(12).await; total += ask(12).await; total += ask(12).await; total += ask(12).await; total += ask(12).await; total += ask(12).await;
    if ask_bool("more").await { return total; }
    total += ask(13).await; total += ask(13).await; total += ask(13).await; total += ask(13).await; total += ask(13).await; total += ask(13).await; total += ask(13).await; total += ask(13).await; total += ask(13).await;
    if ask_bool("more").await { return total; }
    total += ask(14).await; total += ask(14).await; total += ask(14).await; total += ask(14).await; total += ask(14).await; total += ask(14).await; total += ask(14).await; total += ask(14).await; total += ask(14).await;
    if ask_bool("more").await { return total; }
    total += ask(15).await; total += ask(15).await; total += ask(15).await; total += ask(15).await; total += ask(15).await; total += ask(15).await; total += ask(15).await; total += ask(15).await; total += ask(15).await;
    if ask_bool("more").await { return total; }
    total += ask(16).await; total += ask(16).await; total += ask(16).await; total += ask(16).await; total += ask(16).await; total += ask(16).await; total += ask(16).await; total += ask(16).await; total += ask(16).await;
    if ask_bool("more").await { return total; }
    total += ask(17).await; total += ask(17).await; total += ask(17).await; total += ask(17).await; total += ask(17).await; total += ask(17).await; total += ask(17).await; total += ask(17).await; total += ask(17).await;
    if ask_bool("more").await { return total; }
    total += ask(18).await; total += ask(18).await; total += ask(18).await; total += ask(18).await; total += ask(18).await; total += ask(18).await; total += ask(18).await; total += ask(18).await; total += ask(18).await;
    if ask_bool("more").await { return total; }
    total += ask(19).await; total += ask(19).await; total += ask(19).await; total += ask(19).await; total += ask(19).await; total += ask(19).await; total += ask(19).await; total += ask(19).await; total += ask(19).await;
    if ask_bool("more").await { return total; }
    total += ask(20).await; total += ask(20).await; total += ask(20).await; total += ask(20).await; total += ask(20).await; total += ask(20).await; total += ask(20).await; total += ask(20).await; total += ask(20).await;
    if ask_bool("more").await { return total; }
    total += ask(21).await; total += ask(21).await; total += ask(21).await; total += ask(21).await; total += ask(21).await; total += ask(21).await; total += ask(21).await; total += ask(21).await; total += ask(21).await;
    if ask_bool("more").await { return total; }
    total += ask(22).await; total += ask(22).await; total += ask(22).await; total += ask(22).await; total += ask(22).await; total += ask(22).await; total += ask(22).await; total += ask(22).await; total += ask(22).await;
    if ask_bool("more").await { return total; }
    total += ask(23).await; total += ask(23).await; total += ask(23).await; total += ask(23).await; total += ask(23).await; total += ask(23).await; total += ask(23).await; total += ask(23).await; total += ask(23).await;
    if ask_bool("more").await { return total; }
    total += ask(24).await; total += ask(24).await; total += ask(24).await; total += ask(24).await; total += ask(24).await; total += ask(24).await; total += ask(24).await; total += ask(24).await; total += ask(24).await;
    if ask_bool("more").await { return total; }
    total += ask(25).await; total += ask(25).await; total += ask(25).await; total += ask(25).await; total += ask(25).await; total += ask(25).await; total += ask(25).await; total += ask(25).await; total += ask(25).await;
    if ask_bool("more").await { return total; }
    total += ask(26).await; total += ask(26).await; total += ask(26).await; total += ask(26).await; total += ask(26).await; total += ask(26).await; total += ask(26).await; total += ask(26).await; total += ask(26).await;
    if ask_bool("more").await { return total; }
    total += ask(27).await; total += ask(27).await; total += ask(27).await; total += ask(27).await; total += ask(27).await; total += ask(27).await; total += ask(27).await; total += ask(27).await; total += ask(27).await;
    if ask_bool("more").await { return total; }
    total += ask(28).await; total += ask(28).await; total += ask(28).await; total += ask(28).await; total += ask(28).await; total += ask(28).await; total += ask(28).await; total += ask(28).await; total += ask(28).await;
    if ask_bool("more").await { return total; }
    total += ask(29).await; total += ask(29).await; total += ask(29).await; total += ask(29).await; total += ask(29).await; total += ask(29).await; total += ask(29).await; total += ask(29).await; total += ask(29).await;
    total + first.len() as u32
} }
