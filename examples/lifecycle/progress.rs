//! A progress bar as an observer.

use std::sync::Mutex;

use indicatif::{ProgressBar, ProgressStyle};
use perennial::core::{Observer, Progress};

/// Shows the steps of one piece of work; nothing where the output is not a terminal.
pub(crate) struct Bar {
    /// Only steps of this path move the bar, so that nested work does not.
    path: String,
    bar: Mutex<ProgressBar>,
}

impl Bar {
    pub(crate) fn new(path: &str) -> Self {
        let bar = ProgressBar::new(0);
        let style = ProgressStyle::with_template("   {msg} {bar:30} {pos}/{len} {elapsed}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_message(path.to_owned());
        Bar { path: path.to_owned(), bar: Mutex::new(bar) }
    }

    pub(crate) fn finish(&self) {
        if let Ok(bar) = self.bar.lock() {
            bar.finish_and_clear();
        }
    }
}

impl Observer for Bar {
    fn step(&self, progress: &Progress<'_>) {
        if progress.path == self.path
            && let Ok(bar) = self.bar.lock()
        {
            bar.set_length(progress.total as u64);
            bar.set_position((progress.done as u64 + 1).min(progress.total as u64));
        }
    }
}
