"""What a release needs of its surroundings, asked before the first one."""
