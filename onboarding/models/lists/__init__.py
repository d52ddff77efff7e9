"""What people keep about HR's list."""
