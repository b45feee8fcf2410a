//! Asynchronous Byzantine fault tolerant atomic broadcast: the HoneyBadger and Dumbo family
