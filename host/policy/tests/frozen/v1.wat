;; A plugin of version 1 of the ABI, as it was when that was released: it loads, and decides what v1.cases.jsonl says, as long as there is a
;; version 1. Neither file is ever changed. What a later minor version adds has a file of its own.
;;
;; It has all hooks, is configured, reads a text, a number and a list, and calls every function of the host. Where one does not answer
;; as the ABI says, it traps. Texts and lists are short ones, of less than 24 bytes or items.
(module
  (import "policy_host_v1" "log" (func $log (param i32 i32 i32)))
  (import "policy_host_v1" "counter_add" (func $counter_add (param i32 i32 i64)))
  (import "policy_host_v1" "kv_get" (func $kv_get (param i32 i32 i32 i32) (result i32)))
  (import "policy_host_v1" "kv_put" (func $kv_put (param i32 i32 i32 i32 i32) (result i32)))
  (import "policy_host_v1" "kv_add" (func $kv_add (param i32 i32 i64 i32) (result i64)))
  (import "policy_host_v1" "kv_delete" (func $kv_delete (param i32 i32)))

  ;; the first page is ours, the second the request's, the third the answer's
  (memory (export "memory") 3)
  (global $initialized (mut i32) (i32.const 0))
  (global $end (mut i32) (i32.const 0)) ;; of the request
  (global $out (mut i32) (i32.const 0)) ;; where the answer goes on

  ;; keys of requests, of keys and values, and pieces of answers; from 1024 on: what the configuration says, and what was read
  (data (i32.const 0) "\64args")
  (data (i32.const 16) "\64user")
  (data (i32.const 32) "\6dsessions-open")
  (data (i32.const 48) "\64role")
  (data (i32.const 64) "\67address")
  (data (i32.const 80) "\6acandidates")
  (data (i32.const 96) "k")
  (data (i32.const 97) "n")
  (data (i32.const 98) "seen")
  (data (i32.const 104) "link")
  (data (i32.const 112) "links")
  (data (i32.const 120) "frozen/")
  (data (i32.const 256) "\a2\65hooks\85\68failover\6aconnection\67session\64link\67address\65reads\85\69peer.user\6dsessions-open\64role\67address\6acandidates")
  (data (i32.const 512) "\a1\64deny\a2\69condition")
  (data (i32.const 544) "\6bdescription")
  (data (i32.const 576) "\a1\65allow\a1\66quotas\81\a2\63key\64")
  (data (i32.const 608) "\63max\18")
  (data (i32.const 640) "\a1\65allow\a2\66limits\a2\6blink-credit\05\70max-message-size\1b\00\00\00\01\00\00\00\00\64note")
  (data (i32.const 736) "\a1\65apply\a5\67address")
  (data (i32.const 768) "\69treatment\69multicast\65phase\01\66ttl-ms\19\01\f4\69shared-by\6aattributes")
  (data (i32.const 832) "\a4\65order")
  (data (i32.const 848) "\a2\65index")
  (data (i32.const 864) "\68delay-ms\14")
  (data (i32.const 880) "\6eretry-after-ms\19\03\e8\73reconsider-after-ms\19\75\30\64note\66frozen")

  (func (export "_initialize") (global.set $initialized (i32.const 1)))
  (func (export "policy_abi_v1") (result i32) (i32.const 0))
  (func (export "policy_alloc") (param $len i32) (result i32)
    (select (i32.const 65536) (i32.const 0) (i32.le_u (local.get $len) (i32.const 65536))))

  ;; keeps the first argument of the first node, which is a text
  (func (export "policy_configure") (param $at i32) (param $len i32) (result i64)
    (local $word i32)
    (call $begin (local.get $at) (local.get $len))
    (local.set $word (i32.add (call $find (i32.const 0) (i32.const 5)) (i32.const 1)))
    (memory.copy (i32.const 1024) (local.get $word) (call $size (local.get $word)))
    (call $copy (i32.const 256) (i32.const 104))
    (call $answer))

  ;; {"deny": {"condition": what the configuration says, "description": who it is}}
  (func (export "on_connection") (param $at i32) (param $len i32) (result i64)
    (call $begin (local.get $at) (local.get $len))
    (call $copy (i32.const 512) (i32.const 17))
    (call $value (i32.const 1024))
    (call $copy (i32.const 544) (i32.const 12))
    (call $value (call $find (i32.const 16) (i32.const 5)))
    (call $answer))

  ;; no opinion where none is open; else {"allow": {"quotas": [{"key": "seen", "max": 12 and those that are open}]}}
  (func (export "on_session") (param $at i32) (param $len i32) (result i64)
    (local $open i32)
    (call $begin (local.get $at) (local.get $len))
    (local.set $open (i32.load8_u (call $find (i32.const 32) (i32.const 14))))
    (if (i32.eqz (local.get $open)) (then (return (i64.const 0))))
    (call $must (i32.eq (call $kv_put (i32.const 96) (i32.const 1) (i32.const 98) (i32.const 4) (i32.const 1000)) (i32.const 1)))
    (call $must (i32.eq (call $kv_get (i32.const 96) (i32.const 1) (i32.const 1280) (i32.const 64)) (i32.const 4)))
    (call $must (i64.eq (call $kv_add (i32.const 97) (i32.const 1) (i64.const 7) (i32.const 0)) (i64.const 7)))
    (call $must (i64.eq (call $kv_add (i32.const 97) (i32.const 1) (i64.const 5) (i32.const 0)) (i64.const 12)))
    (call $kv_delete (i32.const 96) (i32.const 1))
    (call $kv_delete (i32.const 97) (i32.const 1))
    (call $must (i32.eq (call $kv_get (i32.const 96) (i32.const 1) (i32.const 1280) (i32.const 64)) (i32.const -1)))
    (call $copy (i32.const 576) (i32.const 22))
    (call $copy (i32.const 1280) (i32.const 4))
    (call $copy (i32.const 608) (i32.const 5))
    (call $byte (i32.add (local.get $open) (i32.const 12)))
    (call $answer))

  ;; {"allow": {"limits": {"link-credit": 5, "max-message-size": 2^32}, "note": its role}}
  (func (export "on_link") (param $at i32) (param $len i32) (result i64)
    (call $begin (local.get $at) (local.get $len))
    (call $log (i32.const 2) (i32.const 104) (i32.const 4))
    (call $counter_add (i32.const 112) (i32.const 5) (i64.const 3))
    (call $copy (i32.const 640) (i32.const 60))
    (call $value (call $find (i32.const 48) (i32.const 5)))
    (call $answer))

  ;; {"apply": {"address": "frozen/" and the address, "treatment": "multicast", "phase": 1, "ttl-ms": 500, "shared-by": "attributes"}}
  (func (export "on_address") (param $at i32) (param $len i32) (result i64)
    (local $name i32)
    (call $begin (local.get $at) (local.get $len))
    (local.set $name (call $find (i32.const 64) (i32.const 8)))
    (call $copy (i32.const 736) (i32.const 16))
    (call $byte (i32.add (i32.load8_u (local.get $name)) (i32.const 7)))
    (call $copy (i32.const 120) (i32.const 7))
    (call $copy (i32.add (local.get $name) (i32.const 1)) (i32.sub (call $size (local.get $name)) (i32.const 1)))
    (call $copy (i32.const 768) (i32.const 58))
    (call $answer))

  ;; {"order": all, the last first, each after 20 ms, "retry-after-ms": 1000, "reconsider-after-ms": 30000, "note": "frozen"}
  (func (export "on_failover") (param $at i32) (param $len i32) (result i64)
    (local $left i32)
    (call $begin (local.get $at) (local.get $len))
    (local.set $left (i32.and (i32.load8_u (call $find (i32.const 80) (i32.const 11))) (i32.const 31)))
    (call $copy (i32.const 832) (i32.const 7))
    (call $byte (i32.or (local.get $left) (i32.const 128)))
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $left)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (call $copy (i32.const 848) (i32.const 7))
        (call $byte (local.get $left))
        (call $copy (i32.const 864) (i32.const 10))
        (br $next)))
    (call $copy (i32.const 880) (i32.const 53))
    (call $answer))

  (func $must (param $holds i32)
    (if (i32.eqz (local.get $holds)) (then unreachable)))

  (func $begin (param $at i32) (param $len i32)
    (call $must (i32.and (global.get $initialized) (i32.eq (local.get $at) (i32.const 65536))))
    (global.set $end (i32.add (local.get $at) (local.get $len)))
    (global.set $out (i32.const 131072)))

  ;; where the request goes on behind these bytes
  (func $find (param $key i32) (param $len i32) (result i32)
    (local $at i32) (local $same i32)
    (local.set $at (i32.const 65536))
    (loop $scan
      (call $must (i32.le_u (i32.add (local.get $at) (local.get $len)) (global.get $end)))
      (local.set $same (i32.const 0))
      (block $other
        (loop $compare
          (br_if $other
            (i32.ne (i32.load8_u (i32.add (local.get $at) (local.get $same)))
                    (i32.load8_u (i32.add (local.get $key) (local.get $same)))))
          (local.set $same (i32.add (local.get $same) (i32.const 1)))
          (br_if $compare (i32.lt_u (local.get $same) (local.get $len))))
        (return (i32.add (local.get $at) (local.get $len))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br $scan))
    unreachable)

  ;; bytes of a text, with what stands before it
  (func $size (param $at i32) (result i32)
    (call $must (i32.eq (i32.and (i32.load8_u (local.get $at)) (i32.const 224)) (i32.const 96)))
    (i32.add (i32.and (i32.load8_u (local.get $at)) (i32.const 31)) (i32.const 1)))

  (func $value (param $at i32)
    (call $copy (local.get $at) (call $size (local.get $at))))

  (func $copy (param $at i32) (param $len i32)
    (memory.copy (global.get $out) (local.get $at) (local.get $len))
    (global.set $out (i32.add (global.get $out) (local.get $len))))

  (func $byte (param $value i32)
    (i32.store8 (global.get $out) (local.get $value))
    (global.set $out (i32.add (global.get $out) (i32.const 1))))

  (func $answer (result i64)
    (i64.or (i64.shl (i64.const 131072) (i64.const 32))
            (i64.extend_i32_u (i32.sub (global.get $out) (i32.const 131072))))))
