//! placeholder replaced by the package's own first page.
