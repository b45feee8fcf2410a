//! Asynchronous binary agreement with binding and a threshold common coin
