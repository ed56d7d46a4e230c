"""What subscribers follow: channels, their members, and how an event of the bus becomes what a subscriber gets."""
