"""Object stores that hold the backup: S3 and a folder."""
