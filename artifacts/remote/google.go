package remote

import (
	"context"
	"fmt"
	"net/url"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"gocloud.dev/blob"
	"gocloud.dev/blob/s3blob"
)

// Google's storage is reached by its XML interface, which is that of S3: its own
// driver (gcsblob) makes every command start six milliseconds later, with its gRPC.
func init() { blob.DefaultURLMux().RegisterBucket("gs", googleOpener{}) }

const googleEndpoint = "https://storage.googleapis.com"

// googleOpener opens gs://bucket with an HMAC key of Google's, which the variables
// GS_ACCESS_KEY_ID and GS_SECRET_ACCESS_KEY hold. ?endpoint=… is another server of
// the same protocol.
type googleOpener struct{}

// OpenBucketURL implements blob.BucketURLOpener.
func (googleOpener) OpenBucketURL(_ context.Context, u *url.URL) (*blob.Bucket, error) {
	id, secret := os.Getenv("GS_ACCESS_KEY_ID"), os.Getenv("GS_SECRET_ACCESS_KEY")
	if id == "" || secret == "" {
		return nil, fmt.Errorf("gs://%s needs an HMAC key of Google's storage (gcloud storage hmac create) in the variables GS_ACCESS_KEY_ID and GS_SECRET_ACCESS_KEY", u.Host)
	}
	endpoint := googleEndpoint
	for name, values := range u.Query() {
		if name != "endpoint" {
			return nil, fmt.Errorf("gs://%s: there is no setting %q; there is endpoint", u.Host, name)
		}
		endpoint = values[0]
	}
	client := s3.New(s3.Options{
		Region: "auto", BaseEndpoint: &endpoint, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(id, secret, ""),
		// Google does not know the checksums that come behind a body.
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
		APIOptions:                 []func(*middleware.Stack) error{leaveUnsigned},
	})
	return s3blob.OpenBucket(context.Background(), client, u.Host, &s3blob.Options{RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired})
}

// leaveUnsigned keeps Accept-Encoding out of what is signed, because Google's servers
// change it before they look at the signature.
func leaveUnsigned(stack *middleware.Stack) error {
	const header = "Accept-Encoding"
	type kept struct{}
	before := middleware.FinalizeMiddlewareFunc("TakeAcceptEncoding", func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
		if r, ok := in.Request.(*smithyhttp.Request); ok {
			ctx = middleware.WithStackValue(ctx, kept{}, r.Header.Get(header))
			r.Header.Del(header)
		}
		return next.HandleFinalize(ctx, in)
	})
	after := middleware.FinalizeMiddlewareFunc("GiveAcceptEncoding", func(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
		if r, ok := in.Request.(*smithyhttp.Request); ok {
			if v, _ := middleware.GetStackValue(ctx, kept{}).(string); v != "" {
				r.Header.Set(header, v)
			}
		}
		return next.HandleFinalize(ctx, in)
	})
	const signing = "Signing" // the SDK's name of the step that does it
	if err := stack.Finalize.Insert(before, signing, middleware.Before); err != nil {
		return err
	}
	return stack.Finalize.Insert(after, signing, middleware.After)
}
