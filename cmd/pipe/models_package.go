package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"pipe/artifacts"
	"pipe/registry"
	"pipe/workspace"
)

// A package is a folder from which a model answers on another machine: this
// binary, a workspace with that one version, and what starts it.

// packageModel writes the binary and the workspace, and returns the version.
func packageModel(ctx context.Context, w *workspace.Workspace, name, dir string) (v registry.ModelVersion, err error) {
	_, folder, v, err := openModel(ctx, w, name) // which also checks that the parts fit
	if err != nil {
		return v, err
	}
	if err := copySelf(filepath.Join(dir, "pipe")); err != nil {
		return v, err
	}
	// The model goes through a folder of its own into a new workspace, whose
	// digests are then those of the files that are really there.
	files := filepath.Join(dir, ".model")
	if err := os.Mkdir(files, 0o777); err != nil {
		return v, err
	}
	defer os.RemoveAll(files)
	if err := folder.Extract(files); err != nil {
		return v, err
	}
	to, err := workspace.Open(ctx, filepath.Join(dir, "workspace"))
	if err != nil {
		return v, err
	}
	return v, errors.Join(putModel(ctx, to, files, v), to.Close())
}

func putModel(ctx context.Context, to *workspace.Workspace, files string, v registry.ModelVersion) error {
	ref, err := to.Store.ImportFolder(files, artifacts.Model, nil, artifacts.Copied)
	if err != nil {
		return err
	}
	if ref.Digest != v.Ref.Digest {
		return fmt.Errorf("the copy of %s version %d has the digest %s and the original %s", v.Model, v.Version, ref.Digest.Short(), v.Ref.Digest.Short())
	}
	if err := to.Store.Flush(); err != nil {
		return err
	}
	metrics := map[string]float64{}
	for _, m := range v.Metrics {
		metrics[m.Key] = m.Value
	}
	why := because(fmt.Sprintf("exported from version %d", v.Version))
	_, _, err = to.Registry.RegisterVersion(ctx, registry.NewVersion{Model: v.Model, Ref: ref, User: why.Who, Signature: v.Signature, Metrics: metrics,
		Description: fmt.Sprintf("version %d of where it was exported. %s", v.Version, v.Description)})
	if err != nil {
		return err
	}
	if err := to.Registry.SetAlias(ctx, v.Model, "champion", 1, why); err != nil {
		return err
	}
	_, err = to.Registry.SetDeployment(ctx, registry.Deployment{Name: v.Model, Model: v.Model, Target: "@champion"}, why)
	return err
}

// copySelf copies the program that runs.
func copySelf(to string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	b, err := os.ReadFile(self)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o755)
}

// dockerfile needs no shell and no package of a distribution but the C library
// that SQLite is linked with.
const dockerfile = `# docker build -t MODEL .
# The server listens beyond the container, so it asks for users; they are kept in a
# volume, which begins as a copy of the workspace here:
#   echo -n PASSWORD | docker run --rm -i -v MODEL:/srv/workspace MODEL users add NAME --level admin --password-stdin
#   docker run -d -v MODEL:/srv/workspace -p 127.0.0.1:8080:8080 MODEL
#   curl -u NAME:PASSWORD -d 'a text' http://127.0.0.1:8080/predict/MODEL
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --chown=nonroot:nonroot pipe /usr/local/bin/pipe
COPY --chown=nonroot:nonroot workspace /srv/workspace
WORKDIR /srv
USER nonroot
VOLUME /srv/workspace
EXPOSE 8080
ENTRYPOINT ["/usr/local/bin/pipe", "--store", "/srv/workspace"]
CMD ["serve", "MODEL@champion", "--host", "0.0.0.0", "--port", "8080"]
`

func exportDocker(ctx context.Context, w *workspace.Workspace, name, dir string) error {
	v, err := packageModel(ctx, w, name, dir)
	if err != nil {
		return err
	}
	text := strings.ReplaceAll(dockerfile, "MODEL", v.Model)
	return os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(text), 0o666)
}

// unit lets the service see nothing but its own folder. Systemd gives it a user
// of its own while it runs.
const unit = `# sudo mkdir -p /opt/pipe-MODEL && sudo cp -r pipe workspace /opt/pipe-MODEL/
# sudo cp pipe-MODEL.service /etc/systemd/system/ && sudo systemctl enable --now pipe-MODEL
[Unit]
Description=Predictions of the model MODEL
After=network.target

[Service]
ExecStartPre=/bin/sh -c 'test -e /var/lib/pipe-MODEL/workspace || cp -r /opt/pipe-MODEL/workspace /var/lib/pipe-MODEL/workspace'
ExecStart=/opt/pipe-MODEL/pipe --store /var/lib/pipe-MODEL/workspace serve MODEL@champion --port 8080
Restart=on-failure
RestartSec=1
TimeoutStopSec=15
DynamicUser=yes
StateDirectory=pipe-MODEL
WorkingDirectory=/var/lib/pipe-MODEL
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
ProtectProc=invisible
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
CapabilityBoundingSet=
SystemCallArchitectures=native
SystemCallFilter=@system-service
UMask=0077

[Install]
WantedBy=multi-user.target
`

func exportSystemd(ctx context.Context, w *workspace.Workspace, name, dir string) error {
	v, err := packageModel(ctx, w, name, dir)
	if err != nil {
		return err
	}
	text := strings.ReplaceAll(unit, "MODEL", v.Model)
	return os.WriteFile(filepath.Join(dir, "pipe-"+v.Model+".service"), []byte(text), 0o666)
}
