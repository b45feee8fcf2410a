//! See the function of this name in the library.
#![cfg_attr(fuzzing, no_main)]

mellivora_fuzz::target!(mellivora_fuzz::mvba::ckps);
