;; What a component imports of streams and files: the types, and the functions that the tests call.
(import "wasi:io/error@0.2.0" (instance $io-error (export "error" (type (sub resource)))))
(alias export $io-error "error" (type $error))
(import "wasi:io/streams@0.2.0" (instance $io
    (alias outer 1 $error (type $outer-error))
    (export "error" (type $error (eq $outer-error)))
    (export "input-stream" (type $input (sub resource)))
    (export "output-stream" (type $output (sub resource)))
    (type $failure (variant (case "last-operation-failed" (own $error)) (case "closed")))
    (export "stream-error" (type $stream-error (eq $failure)))
    (export "[method]input-stream.read"
        (func (param "self" (borrow $input)) (param "len" u64)
            (result (result (list u8) (error $stream-error)))))
    (export "[method]output-stream.check-write"
        (func (param "self" (borrow $output)) (result (result u64 (error $stream-error)))))
    (export "[method]output-stream.write"
        (func (param "self" (borrow $output)) (param "contents" (list u8))
            (result (result (error $stream-error)))))
    (export "[method]output-stream.blocking-splice"
        (func (param "self" (borrow $output)) (param "src" (borrow $input)) (param "len" u64)
            (result (result u64 (error $stream-error)))))))
(alias export $io "input-stream" (type $input))
(alias export $io "output-stream" (type $output))
(import "wasi:filesystem/types@0.2.0" (instance $files
    (alias outer 1 $error (type $error'))
    (export "error" (type $error (eq $error')))
    (alias outer 1 $input (type $input'))
    (export "input-stream" (type $input (eq $input')))
    (alias outer 1 $output (type $output'))
    (export "output-stream" (type $output (eq $output')))
    (export "descriptor" (type $descriptor (sub resource)))
    (export "directory-entry-stream" (type $listing (sub resource)))
    (type $codes (enum
        "access" "would-block" "already" "bad-descriptor" "busy" "deadlock" "quota" "exist" "file-too-large"
        "illegal-byte-sequence" "in-progress" "interrupted" "invalid" "io" "is-directory" "loop" "too-many-links"
        "message-size" "name-too-long" "no-device" "no-entry" "no-lock" "insufficient-memory" "insufficient-space"
        "not-directory" "not-empty" "not-recoverable" "unsupported" "no-tty" "no-such-device" "overflow"
        "not-permitted" "pipe" "read-only" "invalid-seek" "text-file-busy" "cross-device"))
    (export "error-code" (type $code (eq $codes)))
    (type $path-flags' (flags "symlink-follow"))
    (export "path-flags" (type $path-flags (eq $path-flags')))
    (type $open-flags' (flags "create" "directory" "exclusive" "truncate"))
    (export "open-flags" (type $open-flags (eq $open-flags')))
    (type $flags' (flags
        "read" "write" "file-integrity-sync" "data-integrity-sync" "requested-write-sync" "mutate-directory"))
    (export "descriptor-flags" (type $flags (eq $flags')))
    (export "[method]descriptor.open-at"
        (func (param "self" (borrow $descriptor)) (param "path-flags" $path-flags) (param "path" string)
            (param "open-flags" $open-flags) (param "flags" $flags)
            (result (result (own $descriptor) (error $code)))))
    (export "[method]descriptor.read"
        (func (param "self" (borrow $descriptor)) (param "length" u64) (param "offset" u64)
            (result (result (tuple (list u8) bool) (error $code)))))
    (export "[method]descriptor.write"
        (func (param "self" (borrow $descriptor)) (param "buffer" (list u8)) (param "offset" u64)
            (result (result u64 (error $code)))))
    (export "[method]descriptor.set-size"
        (func (param "self" (borrow $descriptor)) (param "size" u64) (result (result (error $code)))))
    (export "[method]descriptor.unlink-file-at"
        (func (param "self" (borrow $descriptor)) (param "path" string) (result (result (error $code)))))
    (export "[method]descriptor.symlink-at"
        (func (param "self" (borrow $descriptor)) (param "old-path" string) (param "new-path" string)
            (result (result (error $code)))))
    (export "[method]descriptor.read-via-stream"
        (func (param "self" (borrow $descriptor)) (param "offset" u64)
            (result (result (own $input) (error $code)))))
    (export "[method]descriptor.write-via-stream"
        (func (param "self" (borrow $descriptor)) (param "offset" u64)
            (result (result (own $output) (error $code)))))
    (export "[method]descriptor.append-via-stream"
        (func (param "self" (borrow $descriptor)) (result (result (own $output) (error $code)))))
    (export "[method]descriptor.read-directory"
        (func (param "self" (borrow $descriptor)) (result (result (own $listing) (error $code)))))
    (export "filesystem-error-code"
        (func (param "err" (borrow $error)) (result (option $code))))))
(alias export $files "descriptor" (type $descriptor))
(alias export $files "directory-entry-stream" (type $listing))
(import "wasi:filesystem/preopens@0.2.0" (instance $preopens
    (alias outer 1 $descriptor (type $descriptor'))
    (export "descriptor" (type $descriptor (eq $descriptor')))
    (export "get-directories" (func (result (list (tuple (own $descriptor) string)))))))
