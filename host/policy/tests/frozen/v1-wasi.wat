;; A plugin of version 1 of the ABI with a language runtime's imports, as it was when that was released: it loads, and decides what
;; v1-wasi.cases.jsonl says, as long as there is a version 1. Neither file is ever changed.
;;
;; It has all of WASI that the host serves, calls each of them, before its first request and in a hook, and traps where one does not
;; answer as the ABI says. Results are WASI's: 0 for success, 8 for a bad file descriptor.
(module
  (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $environ_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "sched_yield" (func $sched_yield (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_seek" (func $fd_seek (param i32 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_fdstat_get" (func $fd_fdstat_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_fdstat_set_flags" (func $fd_fdstat_set_flags (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $fd_prestat_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_dir_name" (func $fd_prestat_dir_name (param i32 i32 i32) (result i32)))

  ;; the first page is ours, the second the request's, the third the answer's, the others are for what WASI writes
  (memory (export "memory") 5)

  ;; {"reads": ["peer.user"]}: time and chance are the request's all the same
  (data (i32.const 0) "\a1\65reads\81\69peer.user")
  ;; {"allow": {"limits": {"buffered-bytes": the time, "max-message-size": the time after a sleep}, "note": 16 bytes by chance
  (data (i32.const 32) "\a1\65allow\a2\66limits\a2\6ebuffered-bytes\1b")
  (data (i32.const 80) "\70max-message-size\1b")
  (data (i32.const 112) "\64note\78\20")
  (data (i32.const 128) "0123456789abcdef")
  (data (i32.const 160) "\a1\65allow\a0")
  (data (i32.const 192) "one ")
  (data (i32.const 200) "two\0athree\0a")
  (data (i32.const 216) "goodbye")
  ;; pieces of a write, each where it lies and its length: the two lines in two pieces; one of 9,000 bytes; the last word
  (data (i32.const 256) "\c0\00\00\00\04\00\00\00\c8\00\00\00\0a\00\00\00")
  (data (i32.const 272) "\00\00\03\00\28\23\00\00")
  (data (i32.const 280) "\d8\00\00\00\07\00\00\00")
  ;; what is waited for: 5 ms of the monotonic clock; 48 bytes: a number of ours, the kind (0: a clock), the clock, how long, how exactly
  (data (i32.const 320) "\11\22\33\44\55\66\77\88\00\00\00\00\00\00\00\00\01\00\00\00\00\00\00\00\40\4b\4c\00\00\00\00\00\e8\03\00\00\00\00\00\00\00\00")

  (global $began (mut i32) (i32.const 0))

  (func (export "_initialize")
    (call $environment)
    (call $must (i64.ne (call $clock (i32.const 0)) (i64.const 0)))
    (call $chance)
    ;; but for sleep the clock stands still
    (call $must (i64.eq (call $sleep) (call $clock (i32.const 1))))
    (call $write (i32.const 1) (i32.const 256) (i32.const 2) (i32.const 14))
    (global.set $began (i32.const 1)))
  (func (export "_start") unreachable)
  (func (export "policy_abi_v1") (result i32) (i32.const 0))
  (func (export "policy_alloc") (param $len i32) (result i32)
    (select (i32.const 65536) (i32.const 0) (i32.le_u (local.get $len) (i32.const 65536))))

  (func (export "policy_configure") (param $at i32) (param $len i32) (result i64)
    (call $must (global.get $began))
    (call $environment)
    (call $answer (i32.const 0) (i32.const 18)))

  (func (export "on_connection") (param $at i32) (param $len i32) (result i64)
    (local $before i64) (local $place i32) (local $byte i32)
    (call $environment)
    ;; both clocks are the request's
    (local.set $before (call $clock (i32.const 0)))
    (call $must (i64.eq (call $clock (i32.const 1)) (local.get $before)))
    (call $must (i32.eqz (call $sched_yield)))
    (call $chance)
    (memory.copy (i32.const 131072) (i32.const 32) (i32.const 32))
    (call $big_endian (i32.const 131104) (local.get $before))
    (memory.copy (i32.const 131112) (i32.const 80) (i32.const 18))
    (call $big_endian (i32.const 131130) (call $sleep))
    (memory.copy (i32.const 131138) (i32.const 112) (i32.const 7))
    (loop $next
      (local.set $byte (i32.load8_u offset=196608 (local.get $place)))
      (i32.store8 offset=131145 (i32.shl (local.get $place) (i32.const 1))
        (i32.load8_u offset=128 (i32.shr_u (local.get $byte) (i32.const 4))))
      (i32.store8 offset=131146 (i32.shl (local.get $place) (i32.const 1))
        (i32.load8_u offset=128 (i32.and (local.get $byte) (i32.const 15))))
      (local.set $place (i32.add (local.get $place) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $place) (i32.const 16))))
    (call $answer (i32.const 131072) (i32.const 105)))

  ;; it exits, which is a trap, after words that do not end their line
  (func (export "on_session") (param $at i32) (param $len i32) (result i64)
    (call $write (i32.const 2) (i32.const 280) (i32.const 1) (i32.const 7))
    (call $proc_exit (i32.const 7))
    (i64.const 0))

  ;; two lines in two pieces; then more than is taken at once
  (func (export "on_link") (param $at i32) (param $len i32) (result i64)
    (call $write (i32.const 1) (i32.const 256) (i32.const 2) (i32.const 14))
    (memory.fill (i32.const 196608) (i32.const 120) (i32.const 9000))
    (call $write (i32.const 2) (i32.const 272) (i32.const 1) (i32.const 8192))
    (call $answer (i32.const 160) (i32.const 8)))

  ;; no arguments and no variables, and no files: neither standard input nor a directory that is open
  (func $environment
    (local $file i32)
    (i64.store (i32.const 512) (i64.const -1))
    (call $must (i32.eqz (call $args_sizes_get (i32.const 512) (i32.const 516))))
    (call $must (i64.eqz (i64.load (i32.const 512))))
    (call $must (i32.eqz (call $args_get (i32.const 520) (i32.const 528))))
    (i64.store (i32.const 512) (i64.const -1))
    (call $must (i32.eqz (call $environ_sizes_get (i32.const 512) (i32.const 516))))
    (call $must (i64.eqz (i64.load (i32.const 512))))
    (call $must (i32.eqz (call $environ_get (i32.const 520) (i32.const 528))))
    (loop $next
      (call $must (i32.eq (call $fd_read (local.get $file) (i32.const 256) (i32.const 1) (i32.const 512)) (i32.const 8)))
      (call $must (i32.eq (call $fd_seek (local.get $file) (i64.const 0) (i32.const 0) (i32.const 512)) (i32.const 8)))
      (call $must (i32.eq (call $fd_fdstat_get (local.get $file) (i32.const 512)) (i32.const 8)))
      (call $must (i32.eq (call $fd_fdstat_set_flags (local.get $file) (i32.const 0)) (i32.const 8)))
      (call $must (i32.eq (call $fd_prestat_get (local.get $file) (i32.const 512)) (i32.const 8)))
      (call $must (i32.eq (call $fd_prestat_dir_name (local.get $file) (i32.const 512) (i32.const 8)) (i32.const 8)))
      (call $must (i32.eq (call $fd_close (local.get $file)) (i32.const 8)))
      (local.set $file (i32.add (local.get $file) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $file) (i32.const 5))))
    (call $must (i32.eq (call $fd_write (i32.const 0) (i32.const 256) (i32.const 2) (i32.const 512)) (i32.const 8)))
    (call $must (i32.eq (call $fd_write (i32.const 3) (i32.const 256) (i32.const 2) (i32.const 512)) (i32.const 8))))

  (func $clock (param $which i32) (result i64)
    (call $must (i32.eqz (call $clock_time_get (local.get $which) (i64.const 1) (i32.const 512))))
    (i64.load (i32.const 512)))

  ;; 16 bytes at 196608, in two calls; 64 KiB at once are given, more are not
  (func $chance
    (call $must (i32.eqz (call $random_get (i32.const 196608) (i32.const 8))))
    (call $must (i32.eqz (call $random_get (i32.const 196616) (i32.const 8))))
    (call $must (i64.ne (i64.load (i32.const 196608)) (i64.load (i32.const 196616))))
    (call $must (i32.eqz (call $random_get (i32.const 262144) (i32.const 65536))))
    (call $must (i32.ne (call $random_get (i32.const 196640) (i32.const 65537)) (i32.const 0))))

  ;; waits 5 ms, which takes none; gives what time it is then
  (func $sleep (result i64)
    (local $before i64)
    (local.set $before (call $clock (i32.const 1)))
    (call $must (i32.eqz (call $poll_oneoff (i32.const 320) (i32.const 384) (i32.const 1) (i32.const 520))))
    ;; one event, of our number, without an error, of a clock
    (call $must (i32.eq (i32.load (i32.const 520)) (i32.const 1)))
    (call $must (i64.eq (i64.load (i32.const 384)) (i64.load (i32.const 320))))
    (call $must (i32.eqz (i32.and (i32.load (i32.const 392)) (i32.const 0xffffff))))
    (call $must (i64.eq (i64.sub (call $clock (i32.const 1)) (local.get $before)) (i64.const 5000000)))
    (call $clock (i32.const 1)))

  ;; writes pieces, of which so much has to be taken
  (func $write (param $file i32) (param $pieces i32) (param $count i32) (param $taken i32)
    (call $must (i32.eqz (call $fd_write (local.get $file) (local.get $pieces) (local.get $count) (i32.const 512))))
    (call $must (i32.eq (i32.load (i32.const 512)) (local.get $taken))))

  (func $big_endian (param $at i32) (param $number i64)
    (local $left i32)
    (local.set $left (i32.const 8))
    (loop $next
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (i32.store8 (i32.add (local.get $at) (local.get $left)) (i32.wrap_i64 (local.get $number)))
      (local.set $number (i64.shr_u (local.get $number) (i64.const 8)))
      (br_if $next (local.get $left))))

  (func $answer (param $at i32) (param $len i32) (result i64)
    (i64.or (i64.shl (i64.extend_i32_u (local.get $at)) (i64.const 32)) (i64.extend_i32_u (local.get $len))))

  (func $must (param $is_so i32)
    (if (i32.eqz (local.get $is_so)) (then unreachable))))
