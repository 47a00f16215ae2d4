// Package inference owns the answers of deployed models: which version answers,
// the batches and queues in front of it, the swap to the next version, and the
// protocols in which clients ask (plain HTTP, the Open Inference Protocol v2,
// MLflow's scoring and OpenAI's API).
//
// A request goes endpoint → route → arm → pool:
//
//	endpoint  a deployment's name; follows the registry
//	route     what the endpoint does now: an immutable value that a swap replaces
//	arm       one version on the route (main, canary or shadow) and its queue
//	instance  a version's model, loaded when first needed, shared by all arms
//	pool      the processor's share that all models divide among themselves
//
// A request that has found its arm finishes there, whatever is deployed meanwhile;
// this is why a swap fails nobody.
package inference
