//! The tokio driver of mellivora: nodes, handles, job pool, in-process clusters
