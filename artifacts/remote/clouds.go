package remote

// The clouds whose drivers cost a command less than a millisecond to start; see
// also google.go.
import (
	_ "gocloud.dev/blob/azureblob" // azblob://container
	_ "gocloud.dev/blob/s3blob"    // s3://bucket, and what speaks its protocol
)
