//! Authenticated links between mellivora nodes: frames and transports
