//! Panics of protocols under attack: caught, counted as failures, and not printed twice.

use std::any::Any;
use std::cell::RefCell;

thread_local! {
    static LAST: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Keeps the text of panics instead of printing it. For commands that catch them.
pub fn keep_quiet() {
    std::panic::set_hook(Box::new(|info| LAST.with_borrow_mut(|last| *last = info.to_string())));
}

/// What a caught panic said, and where.
pub(crate) fn text(panic: &(dyn Any + Send)) -> String {
    let last = LAST.take();
    if !last.is_empty() {
        return last.replace('\n', " ");
    }
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (_, Some(text)) => text.clone(),
        _ => "a panic without a text".to_owned(),
    }
}
