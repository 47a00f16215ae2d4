package remote

// The clouds whose drivers cost a command less than a millisecond to start. That
// of Google's (gcsblob) costs six, with its gRPC; its buckets are reached by
// their S3 interface: s3://bucket?endpoint=https://storage.googleapis.com with
// HMAC keys.
import (
	_ "gocloud.dev/blob/azureblob" // azblob://container
	_ "gocloud.dev/blob/s3blob"    // s3://bucket, and what speaks its protocol
)
