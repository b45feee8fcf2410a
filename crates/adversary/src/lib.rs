//! Attackers that forge each protocol's own messages, and directed schedules: test support
