package registry

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"time"
)

// Backup writes a consistent, compact copy of the registry to path while it is
// in use; the copy is whole or not there. An earlier backup is replaced, and
// nothing else.
func (r *Registry) Backup(ctx context.Context, path string) error {
	if err := r.mayReplace(path); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	part := path + ".part"
	if err := os.Remove(part); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("backup: %w", err)
	}
	db, err := r.open(nil)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	_, err = db.ExecContext(ctx, "VACUUM INTO ?", part)
	if err = errors.Join(err, db.Close()); err != nil {
		return errors.Join(fmt.Errorf("backup to %s: %w", path, err), ignoreMissing(os.Remove(part)))
	}
	f, err := os.OpenFile(part, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	if err := errors.Join(seal(f), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("backup to %s: %w", path, err)
	}
	if err := os.Rename(part, path); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	return nil
}

// mayReplace refuses to write over anything but an earlier backup: the registry
// itself, one that is in use elsewhere, other files, links, folders, devices.
func (r *Registry) mayReplace(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	other := fmt.Errorf("%s is there and is no backup of a registry; it stays as it is, so choose another name", path)
	if !info.Mode().IsRegular() {
		return other
	}
	for _, name := range []string{r.path, r.path + "-wal", r.path + "-shm", r.path + "-journal"} {
		if own, err := os.Stat(name); err == nil && os.SameFile(own, info) {
			return fmt.Errorf("%s belongs to the registry that is copied; choose another name", path)
		}
	}
	if _, err := os.Lstat(path + "-wal"); err == nil {
		return fmt.Errorf("%s is a registry in use; choose another name", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	// The header of the file format of SQLite 3, section 1.3.
	var header [100]byte
	if _, err := io.ReadFull(f, header[:]); err != nil || string(header[:16]) != sqliteMagic ||
		binary.BigEndian.Uint32(header[68:]) != applicationID {
		return other
	}
	return nil
}

// A backup ends with a line of text after its last page, which SQLite does not
// look at: the SHA-256 of all before it. In the file itself it goes wherever the
// backup is copied.
const (
	sealBegin  = "\npipe backup, sha256 "
	sealLength = len(sealBegin) + 2*sha256.Size + 1
)

// sealOf is the last line of a backup with such bytes before it.
func sealOf(h hash.Hash) []byte { return fmt.Appendf(nil, "%s%x\n", sealBegin, h.Sum(nil)) }

// seal adds the last line to a file that is open at its beginning.
func seal(f *os.File) error {
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return err
	}
	_, err := f.Write(sealOf(h))
	return err
}

// unseal copies a backup without its last line. sealed is false for one that was
// made before there was such a line; the error says that the bytes are not those
// that were written.
func unseal(from, to string) (sealed bool, err error) {
	in, err := os.Open(from)
	if err != nil {
		return false, err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return false, err
	}
	head := make([]byte, 18) // the page's size is in bytes 16 and 17
	if _, err := in.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	size, page := info.Size(), int64(binary.BigEndian.Uint16(head[16:]))
	if page == 1 {
		page = 1 << 16
	}
	// What is no whole number of pages, as SQLite writes it, has the line or has lost
	// a part of it. What is no database at all, others refuse.
	if sealed = string(head[:len(sqliteMagic)]) == sqliteMagic && page > 0 && size%page != 0; sealed {
		size = max(size-int64(sealLength), 0)
	}
	out, err := os.Create(to)
	if err != nil {
		return false, err
	}
	h := sha256.New()
	if _, err = io.Copy(io.MultiWriter(out, h), io.LimitReader(in, size)); err == nil && sealed {
		var line []byte
		if line, err = io.ReadAll(in); err == nil && !bytes.Equal(line, sealOf(h)) {
			err = fmt.Errorf("%s is damaged: its bytes are not those that were written, by the checksum at its end; take another backup", from)
		}
	}
	return sealed, errors.Join(err, out.Close())
}

func ignoreMissing(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// Restore replaces all that the registry holds by a copy that Backup made,
// while it is in use: readers see the one or the other, never a mixture. A copy
// of an older pipe is brought up to date first; the copy itself stays as it is.
// Compared says that the bytes are those that Backup wrote: a copy of an older
// pipe has no checksum, and only its structure is looked at.
func (r *Registry) Restore(ctx context.Context, path string) (compared bool, err error) {
	dir, err := os.MkdirTemp(filepath.Dir(r.path), ".restore-")
	if err != nil {
		return false, fmt.Errorf("restore: %w", err)
	}
	defer os.RemoveAll(dir)
	copied := filepath.Join(dir, "registry.db")
	if compared, err = unseal(path, copied); err != nil {
		return false, fmt.Errorf("restore: %w", err)
	}
	from, err := Open(ctx, copied) // checks and migrates
	if damaged := (*DamagedError)(nil); errors.As(err, &damaged) {
		return false, fmt.Errorf("restore: %s is no backup of a registry, or is damaged", path)
	}
	if err != nil {
		return false, fmt.Errorf("restore from %s: %w", path, err)
	}
	defer from.Close()
	if faults, err := from.Check(ctx); err != nil || len(faults) > 0 {
		return false, errors.Join(err, fmt.Errorf("restore from %s: the copy is damaged: %d faults", path, len(faults)))
	}
	// What other processes keep of runs goes by their revision.
	err = from.update(ctx, func(t *tx) error {
		return t.exec("UPDATE runs SET revision = revision + 1 + abs(random() % 1000000000)")
	})
	if err != nil {
		return false, fmt.Errorf("restore from %s: %w", path, err)
	}
	return compared, replace(ctx, r, from)
}

// replace copies one open registry over another, in one transaction of SQLite's
// own.
func replace(ctx context.Context, to, from *Registry) error {
	source, err := from.reader.Conn(ctx)
	if err != nil {
		return err
	}
	defer source.Close()
	db, err := to.open(nil)
	if err != nil {
		return err
	}
	defer db.Close()
	target, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer target.Close()
	return target.Raw(func(t any) error {
		return source.Raw(func(s any) error {
			b, err := t.(*damageConn).Backup("main", s.(*damageConn).SQLiteConn, "main")
			if err != nil {
				return fmt.Errorf("restore: %w", err)
			}
			for {
				done, err := b.Step(-1)
				if err != nil {
					return errors.Join(fmt.Errorf("restore: %w", err), b.Finish())
				}
				if done {
					return b.Finish()
				}
				select { // another process writes just now
				case <-ctx.Done():
					return errors.Join(context.Cause(ctx), b.Finish())
				case <-time.After(20 * time.Millisecond):
				}
			}
		})
	})
}
