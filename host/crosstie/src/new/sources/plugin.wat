;; Says who may connect. Change the bytes of the request that is denied, and the cases with it.
;; In CBOR \60 and \a0 begin a text and a map of no entries: \65guest has five letters, \a1 one entry; \78 and the length begin a text of 24 letters or more.
(module
  (memory (export "memory") 2)

  ;; {"reads": ["peer.user"]}: nothing else is sent
  (data (i32.const 0) "\a1\65reads\81\69peer.user")
  (global $setup_len i32 (i32.const 18))

  ;; so the request that is denied is always this: {"peer": {"user": "guest"}}
  (data (i32.const 128) "\a1\64peer\a1\64user\65guest")
  (global $denied_len i32 (i32.const 18))

  ;; {"deny": {"condition": "amqp:unauthorized-access", "description": "no guests", "note": "guests"}}
  (data (i32.const 256) "\a1\64deny\a3\69condition\78\18amqp:unauthorized-access\6bdescription\69no guests\64note\66guests")
  (global $denial_len i32 (i32.const 77))

  (func (export "policy_abi_v1") (result i32) (i32.const 0))

  ;; the second page is for the request
  (func (export "policy_alloc") (param $len i32) (result i32)
    (select (i32.const 65536) (i32.const 0) (i32.le_u (local.get $len) (i32.const 65536))))

  (func (export "policy_configure") (param $at i32) (param $len i32) (result i64)
    (call $answer (i32.const 0) (global.get $setup_len)))

  ;; 0: no opinion, others decide
  (func (export "on_connection") (param $at i32) (param $len i32) (result i64)
    (local $place i32)
    (if (i32.ne (local.get $len) (global.get $denied_len)) (then (return (i64.const 0))))
    (loop $next
      (if (i32.ne (i32.load8_u (i32.add (local.get $at) (local.get $place)))
                  (i32.load8_u offset=128 (local.get $place)))
        (then (return (i64.const 0))))
      (local.set $place (i32.add (local.get $place) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $place) (global.get $denied_len))))
    (call $answer (i32.const 256) (global.get $denial_len)))

  (func $answer (param $at i32) (param $len i32) (result i64)
    (i64.or (i64.shl (i64.extend_i32_u (local.get $at)) (i64.const 32)) (i64.extend_i32_u (local.get $len)))))
