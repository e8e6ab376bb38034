;; Lets in members, by name, and whoever comes from some networks; counts and limits the others. Its configuration is that of
;; ../examples/members.kdl, and what is wrong with one is told at its nodes. All that a plugin may need stands here once: reading CBOR,
;; writing it, keeping what the configuration says, and calling the host.
;;
;; A text is an i64, as an answer is: where it lies << 32 | its length in bytes. 0 is no text. A value in a request is an i32, where it
;; begins; 0 is no value. What cannot be read traps.
(module
  (import "policy_host_v1" "counter_add" (func $counter_add (param $name i32) (param $len i32) (param $by i64)))
  (import "policy_host_v1" "kv_add"
    (func $kv_add (param $key i32) (param $len i32) (param $by i64) (param $ttl_ms i32) (result i64)))

  ;; Up to 4096 what is written below; from there to 65536 the answer; then the request of policy_configure and the rules, which stay;
  ;; behind them the request of a hook. It grows where a request is longer.
  (memory (export "memory") 2)

  (global $room (mut i32) (i32.const 65536)) ;; where the next request goes
  (global $rules (mut i32) (i32.const 0))    ;; the first rule: 24 bytes each, as $rule has it
  (global $rules_end (mut i32) (i32.const 0))
  (global $at (mut i32) (i32.const 0))       ;; where the request is read on
  (global $end (mut i32) (i32.const 0))      ;; where it ends
  (global $number (mut i64) (i64.const 0))   ;; of the head that was read last: a number, a length, a count
  (global $out (mut i32) (i32.const 4096))   ;; where the answer goes on
  (global $problems (mut i32) (i32.const 0)) ;; that are in the answer

  ;; Texts
  (global $config i64 (i64.const 0x0000_00000006))
  (data (i32.const 0x0000) "config")
  (global $name i64 (i64.const 0x0010_00000004))
  (data (i32.const 0x0010) "name")
  (global $args i64 (i64.const 0x0020_00000004))
  (data (i32.const 0x0020) "args")
  (global $props i64 (i64.const 0x0030_00000005))
  (data (i32.const 0x0030) "props")
  (global $children i64 (i64.const 0x0040_00000008))
  (data (i32.const 0x0040) "children")
  (global $peer i64 (i64.const 0x0050_00000004))
  (data (i32.const 0x0050) "peer")
  (global $user i64 (i64.const 0x0060_00000004))
  (data (i32.const 0x0060) "user")
  (global $ip i64 (i64.const 0x0070_00000002))
  (data (i32.const 0x0070) "ip")
  (global $member i64 (i64.const 0x0080_00000006))
  (data (i32.const 0x0080) "member")
  (global $from i64 (i64.const 0x0090_00000004))
  (data (i32.const 0x0090) "from")
  (global $connections i64 (i64.const 0x00a0_0000000b))
  (data (i32.const 0x00a0) "connections")
  (global $tenant i64 (i64.const 0x00b0_00000006))
  (data (i32.const 0x00b0) "tenant")
  (global $quote i64 (i64.const 0x00c0_00000001))
  (data (i32.const 0x00c0) "`")
  (global $takes_a_text i64 (i64.const 0x00d0_0000000e))
  (data (i32.const 0x00d0) "` takes a text")
  (global $unknown_node i64 (i64.const 0x00e0_0000000e))
  (data (i32.const 0x00e0) "unknown node `")
  (global $unknown_property i64 (i64.const 0x0100_00000012))
  (data (i32.const 0x0100) "unknown property `")
  (global $of_member i64 (i64.const 0x0120_0000000d))
  (data (i32.const 0x0120) "` of `member`")
  (global $no_property i64 (i64.const 0x0140_00000018))
  (data (i32.const 0x0140) "`from` takes no property")
  (global $no_count i64 (i64.const 0x0160_00000033))
  (data (i32.const 0x0160) "`connections` takes an integer from 1 to 4294967295")
  (global $refused i64 (i64.const 0x01a0_00000007))
  (data (i32.const 0x01a0) "refused")
  (global $refused_from i64 (i64.const 0x01b0_00000008))
  (data (i32.const 0x01b0) "refused/")
  (global $quota_of i64 (i64.const 0x01c0_00000005))
  (data (i32.const 0x01c0) "user/")
  (global $member_note i64 (i64.const 0x01d0_00000007))
  (data (i32.const 0x01d0) "member ")
  (global $from_note i64 (i64.const 0x01e0_00000005))
  (data (i32.const 0x01e0) "from ")
  (global $no_member i64 (i64.const 0x01f0_0000000b))
  (data (i32.const 0x01f0) "no member, ")
  (global $in_a_minute i64 (i64.const 0x0200_0000000c))
  (data (i32.const 0x0200) " in a minute")

  ;; Pieces of answers, in CBOR: \6N begins a text of N bytes, \aN a map of N entries, \8N a list of N items. What is left out between
  ;; them is written by the functions below.
  ;; {"reads": ["peer.user", "peer.ip"], "problems": [as many as stand in the last two bytes
  (global $setup i64 (i64.const 0x0220_00000026))
  (data (i32.const 0x0220) "\a2\65reads\82\69peer.user\67peer.ip\68problems\99\00\00")
  (global $message_key i64 (i64.const 0x0250_00000009))
  (data (i32.const 0x0250) "\a2\67message")
  (global $path_key i64 (i64.const 0x0260_00000005))
  (data (i32.const 0x0260) "\64path")
  (global $allow i64 (i64.const 0x0270_00000007))
  (data (i32.const 0x0270) "\a1\65allow")
  ;; "quotas": [{"key":
  (global $quotas i64 (i64.const 0x0280_0000000d))
  (data (i32.const 0x0280) "\66quotas\81\a2\63key")
  (global $max_key i64 (i64.const 0x0290_00000004))
  (data (i32.const 0x0290) "\63max")
  ;; "attributes": [{"key": "tenant", "val":
  (global $attributes i64 (i64.const 0x02a0_0000001c))
  (data (i32.const 0x02a0) "\6aattributes\81\a2\63key\66tenant\63val")
  (global $note_key i64 (i64.const 0x02c0_00000005))
  (data (i32.const 0x02c0) "\64note")
  ;; two entries: "limits": {"links": 10}
  (global $limits i64 (i64.const 0x02d0_00000010))
  (data (i32.const 0x02d0) "\a2\66limits\a1\65links\0a")
  (global $deny i64 (i64.const 0x02f0_00000006))
  (data (i32.const 0x02f0) "\a1\64deny")
  (global $refusal i64 (i64.const 0x0300_0000003d))
  (data (i32.const 0x0300) "\69condition\78\18amqp:unauthorized-access\6bdescription\6cmembers only")
  ;; "info": [{"key": "address", "val": {"text":
  (global $info i64 (i64.const 0x0350_0000001d))
  (data (i32.const 0x0350) "\64info\81\a2\63key\67address\63val\a1\64text")

  ;; ---- What the host calls ----

  (func (export "policy_abi_v1") (result i32) (i32.const 0))

  (func (export "policy_alloc") (param $len i32) (result i32)
    (select (global.get $room) (i32.const 0) (call $reserve (i32.add (global.get $room) (local.get $len)))))

  ;; Each node of the configuration becomes a rule, or problems.
  (func (export "policy_configure") (param $request i32) (param $len i32) (result i64)
    (local $nodes i32) (local $index i32) (local $node i32) (local $next i32)
    (call $begin (local.get $request) (local.get $len))
    ;; rules have texts of the request: it stays, and they stand behind it
    (global.set $rules (i32.and (i32.add (global.get $end) (i32.const 7)) (i32.const -8)))
    (global.set $rules_end (global.get $rules))
    (call $copy (global.get $setup))
    (local.set $nodes (call $open (call $field (local.get $request) (global.get $config)) (i32.const 4)))
    (local.set $next (global.get $at))
    (block $done
      (loop $each
        (br_if $done (i32.eq (local.get $index) (local.get $nodes)))
        (local.set $node (local.get $next))
        (local.set $next (call $behind (local.get $node)))
        (call $read_node (local.get $node) (local.get $index))
        (local.set $index (i32.add (local.get $index) (i32.const 1)))
        (br $each)))
    (global.set $room (global.get $rules_end))
    ;; in the place that $setup has for it; an answer has room for fewer than 65536
    (i32.store8 (i32.const 0x1024) (i32.shr_u (global.get $problems) (i32.const 8)))
    (i32.store8 (i32.const 0x1025) (global.get $problems))
    (call $answer))

  ;; The first rule that fits decides; whom none fits is refused.
  (func (export "on_connection") (param $request i32) (param $len i32) (result i64)
    (local $peer i32) (local $user i64) (local $ip i64) (local $rule i32)
    (call $begin (local.get $request) (local.get $len))
    (local.set $peer (call $field (local.get $request) (global.get $peer)))
    (local.set $user (call $text (call $field (local.get $peer) (global.get $user))))
    (local.set $ip (call $text (call $field (local.get $peer) (global.get $ip))))
    (local.set $rule (global.get $rules))
    (block $done
      (loop $each
        (br_if $done (i32.eq (local.get $rule) (global.get $rules_end)))
        (if (i32.load offset=20 (local.get $rule))
          (then
            (if (call $is (local.get $user) (i64.load (local.get $rule)))
              (then (return (call $admit_member (local.get $rule) (local.get $user))))))
          (else
            (if (call $begins (local.get $ip) (i64.load (local.get $rule)))
              (then (return (call $admit_from (i64.load (local.get $rule))))))))
        (local.set $rule (i32.add (local.get $rule) (i32.const 24)))
        (br $each)))
    (call $refuse (local.get $ip)))

  ;; ---- The configuration ----

  (func $read_node (param $node i32) (param $index i32)
    (local $name i64)
    (local.set $name (call $text (call $field (local.get $node) (global.get $name))))
    (if (call $is (local.get $name) (global.get $member))
      (then (return (call $read_rule (local.get $node) (local.get $index) (local.get $name) (i32.const 1)))))
    (if (call $is (local.get $name) (global.get $from))
      (then (return (call $read_rule (local.get $node) (local.get $index) (local.get $name) (i32.const 0)))))
    (call $problem (local.get $index) (i32.const -1) (global.get $unknown_node) (local.get $name) (global.get $quote)))

  (func $read_rule (param $node i32) (param $index i32) (param $name i64) (param $is_member i32)
    (local $rule i32) (local $left i32) (local $key i64) (local $child i32)
    (local.set $rule (call $rule (local.get $is_member)))
    ;; one argument, a text
    (local.set $left (call $open (call $field (local.get $node) (global.get $args)) (i32.const 4)))
    (if (i32.eq (local.get $left) (i32.const 1))
      (then (i64.store (local.get $rule) (call $text_if (global.get $at)))))
    (if (i64.eqz (i64.load (local.get $rule)))
      (then (call $problem (local.get $index) (i32.const -1) (global.get $quote) (local.get $name) (global.get $takes_a_text))))
    ;; properties of `member`
    (local.set $left (call $open (call $field (local.get $node) (global.get $props)) (i32.const 5)))
    (if (i32.and (i32.ne (local.get $left) (i32.const 0)) (i32.eqz (local.get $is_member)))
      (then
        (call $problem (local.get $index) (i32.const -1) (global.get $no_property) (i64.const 0) (i64.const 0))
        (local.set $left (i32.const 0))))
    (block $done
      (loop $each
        (br_if $done (i32.eqz (local.get $left)))
        (local.set $key (call $text (global.get $at)))
        (call $read_property (local.get $rule) (local.get $index) (local.get $key))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br $each)))
    ;; no children
    (local.set $left (call $open (call $field (local.get $node) (global.get $children)) (i32.const 4)))
    (local.set $node (global.get $at))
    (block $done
      (loop $each
        (br_if $done (i32.eq (local.get $child) (local.get $left)))
        (call $problem (local.get $index) (local.get $child)
          (global.get $unknown_node) (call $text (call $field (local.get $node) (global.get $name))) (global.get $quote))
        (local.set $node (call $behind (local.get $node)))
        (local.set $child (i32.add (local.get $child) (i32.const 1)))
        (br $each))))

  ;; Its value stands at $at, which is behind it in the end.
  (func $read_property (param $rule i32) (param $index i32) (param $key i64)
    (local $value i32) (local $kind i32)
    (local.set $value (global.get $at))
    (if (call $is (local.get $key) (global.get $connections))
      (then
        (local.set $kind (call $head))
        ;; an integer from 1 to 2^32 - 1: one less is below 2^32 - 1
        (if (i32.or (local.get $kind)
              (i64.ge_u (i64.sub (global.get $number) (i64.const 1)) (i64.const 0xffffffff)))
          (then (call $problem (local.get $index) (i32.const -1) (global.get $no_count) (i64.const 0) (i64.const 0)))
          (else (i32.store offset=16 (local.get $rule) (i32.wrap_i64 (global.get $number))))))
      (else
        (if (call $is (local.get $key) (global.get $tenant))
          (then
            (i64.store offset=8 (local.get $rule) (call $text_if (local.get $value)))
            (if (i64.eqz (i64.load offset=8 (local.get $rule)))
              (then
                (call $problem (local.get $index) (i32.const -1)
                  (global.get $quote) (global.get $tenant) (global.get $takes_a_text)))))
          (else
            (call $problem (local.get $index) (i32.const -1)
              (global.get $unknown_property) (local.get $key) (global.get $of_member))))))
    (global.set $at (call $behind (local.get $value))))

  ;; One rule more: its text at 0, `tenant` at 8, `connections` at 16 (0: as many as he likes), whether it is a member at 20.
  (func $rule (param $is_member i32) (result i32)
    (local $rule i32)
    (local.set $rule (global.get $rules_end))
    (global.set $rules_end (i32.add (local.get $rule) (i32.const 24)))
    (call $must (call $reserve (global.get $rules_end)))
    (i64.store (local.get $rule) (i64.const 0))
    (i64.store offset=8 (local.get $rule) (i64.const 0))
    (i32.store offset=16 (local.get $rule) (i32.const 0))
    (i32.store offset=20 (local.get $rule) (local.get $is_member))
    (local.get $rule))

  ;; Writes {"message": of three texts, "path": [index, child]}, without the child where it is -1.
  (func $problem (param $index i32) (param $child i32) (param $first i64) (param $second i64) (param $third i64)
    (global.set $problems (i32.add (global.get $problems) (i32.const 1)))
    (call $copy (global.get $message_key))
    (call $put_joined (local.get $first) (local.get $second) (local.get $third))
    (call $copy (global.get $path_key))
    (call $put_head (i32.const 0x80) (select (i32.const 1) (i32.const 2) (i32.eq (local.get $child) (i32.const -1))))
    (call $put_head (i32.const 0) (local.get $index))
    (if (i32.ne (local.get $child) (i32.const -1))
      (then (call $put_head (i32.const 0) (local.get $child)))))

  ;; ---- Decisions ----

  ;; {"allow": {"quotas": [{"key": "user/NAME", "max": N}], "attributes": [{"key": "tenant", "val": T}], "note": "member NAME"}}
  (func $admit_member (param $rule i32) (param $user i64) (result i64)
    (local $connections i32) (local $tenant i64)
    (local.set $connections (i32.load offset=16 (local.get $rule)))
    (local.set $tenant (i64.load offset=8 (local.get $rule)))
    (call $copy (global.get $allow))
    (call $put_head (i32.const 0xa0)
      (i32.add (i32.const 1)
        (i32.add (i32.ne (local.get $connections) (i32.const 0)) (i64.ne (local.get $tenant) (i64.const 0)))))
    (if (local.get $connections)
      (then
        (call $copy (global.get $quotas))
        (call $put_joined (global.get $quota_of) (local.get $user) (i64.const 0))
        (call $copy (global.get $max_key))
        (call $put_head (i32.const 0) (local.get $connections))))
    (if (i64.ne (local.get $tenant) (i64.const 0))
      (then
        (call $copy (global.get $attributes))
        (call $put (local.get $tenant))))
    (call $copy (global.get $note_key))
    (call $put_joined (global.get $member_note) (local.get $user) (i64.const 0))
    (call $answer))

  ;; {"allow": {"limits": {"links": 10}, "note": "from NETWORK"}}
  (func $admit_from (param $network i64) (result i64)
    (call $copy (global.get $allow))
    (call $copy (global.get $limits))
    (call $copy (global.get $note_key))
    (call $put_joined (global.get $from_note) (local.get $network) (i64.const 0))
    (call $answer))

  ;; {"deny": {"condition": …, "description": …, "note": "no member, N in a minute", "info": [{"key": "address", "val": {"text": IP}}]}}
  (func $refuse (param $ip i64) (result i64)
    (local $times i64) (local $is_counted i32)
    (call $counter_add (call $start (global.get $refused)) (call $length (global.get $refused)) (i64.const 1))
    ;; the key is written where the answer will be
    (call $copy (global.get $refused_from))
    (call $copy (local.get $ip))
    (local.set $times
      (call $kv_add (i32.const 4096) (i32.sub (global.get $out) (i32.const 4096)) (i64.const 1) (i32.const 60000)))
    (global.set $out (i32.const 4096))
    (local.set $is_counted (i64.ne (local.get $times) (i64.const 0x8000000000000000)))
    (call $copy (global.get $deny))
    (call $put_head (i32.const 0xa0) (i32.add (i32.const 3) (local.get $is_counted)))
    (call $copy (global.get $refusal))
    (if (local.get $is_counted)
      (then
        (call $copy (global.get $note_key))
        (call $put_joined (global.get $no_member) (call $decimal (local.get $times)) (global.get $in_a_minute))))
    (call $copy (global.get $info))
    (call $put (local.get $ip))
    (call $answer))

  ;; ---- Reading a request ----

  ;; Makes sure that it is one value, whole, with nothing behind it: what follows looks at no ends any more.
  (func $begin (param $request i32) (param $len i32)
    (global.set $end (i32.add (local.get $request) (local.get $len)))
    (global.set $out (i32.const 4096))
    (call $must (i32.eq (call $behind (local.get $request)) (global.get $end))))

  ;; Where the value of a key of a map begins; 0 where there is no map, no such key, or null.
  (func $field (param $map i32) (param $key i64) (result i32)
    (local $left i32) (local $value i32) (local $found i32)
    (local.set $left (call $open (local.get $map) (i32.const 5)))
    (block $done
      (loop $each
        (br_if $done (i32.eqz (local.get $left)))
        (local.set $found (call $is (call $text (global.get $at)) (local.get $key)))
        (local.set $value (global.get $at))
        (if (local.get $found)
          (then
            (return (select (i32.const 0) (local.get $value) (i32.eq (i32.load8_u (local.get $value)) (i32.const 0xf6))))))
        (global.set $at (call $behind (local.get $value)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br $each)))
    (i32.const 0))

  ;; How many items a list has (kind 4), or entries a map (kind 5); $at is at the first. No value has none.
  (func $open (param $value i32) (param $kind i32) (result i32)
    (if (i32.eqz (local.get $value)) (then (return (i32.const 0))))
    (global.set $at (local.get $value))
    (call $must (i32.eq (call $head) (local.get $kind)))
    (i32.wrap_i64 (global.get $number)))

  ;; A text; $at is behind it. No value is no text.
  (func $text (param $value i32) (result i64)
    (if (i32.eqz (local.get $value)) (then (return (i64.const 0))))
    (global.set $at (local.get $value))
    (call $must (i32.eq (call $head) (i32.const 3)))
    (global.set $at (i32.add (global.get $at) (i32.wrap_i64 (global.get $number))))
    (i64.or
      (i64.shl
        (i64.sub (i64.extend_i32_u (global.get $at)) (global.get $number))
        (i64.const 32))
      (global.get $number)))

  ;; The same of a value that may be of another kind, which is no text.
  (func $text_if (param $value i32) (result i64)
    (if (i32.ne (i32.shr_u (i32.load8_u (local.get $value)) (i32.const 5)) (i32.const 3)) (then (return (i64.const 0))))
    (call $text (local.get $value)))

  ;; Where the next value begins. Those that are open are counted, so that no depth takes stack.
  (func $behind (param $value i32) (result i32)
    (local $kind i32) (local $left i64)
    (global.set $at (local.get $value))
    (local.set $left (i64.const 1))
    (loop $each
      (local.set $kind (call $head))
      (local.set $left (i64.sub (local.get $left) (i64.const 1)))
      (call $must (i32.ne (local.get $kind) (i32.const 6))) ;; a tag
      (if (i32.and (i32.ge_u (local.get $kind) (i32.const 2)) (i32.le_u (local.get $kind) (i32.const 5)))
        (then
          ;; as many bytes are there at least
          (call $must (i64.le_u (global.get $number) (i64.extend_i32_u (i32.sub (global.get $end) (global.get $at)))))
          (if (i32.le_u (local.get $kind) (i32.const 3))
            (then (global.set $at (i32.add (global.get $at) (i32.wrap_i64 (global.get $number)))))
            (else
              ;; an entry of a map is two values
              (local.set $left
                (i64.add (local.get $left)
                  (i64.shl (global.get $number) (i64.extend_i32_u (i32.eq (local.get $kind) (i32.const 5))))))))))
      (br_if $each (i64.ne (local.get $left) (i64.const 0))))
    (global.get $at))

  ;; Reads the head of a value: its kind (0 a number, 1 a negative one, 2 bytes, 3 a text, 4 a list, 5 a map, 6 a tag, 7 others), and
  ;; $number. An indefinite length traps.
  (func $head (result i32)
    (local $first i32) (local $more i32)
    (local.set $first (call $next))
    (local.set $more (i32.and (local.get $first) (i32.const 31)))
    (global.set $number (i64.extend_i32_u (local.get $more)))
    (if (i32.ge_u (local.get $more) (i32.const 24))
      (then
        (call $must (i32.lt_u (local.get $more) (i32.const 28)))
        ;; 1, 2, 4 or 8 bytes follow, the highest first
        (local.set $more (i32.shl (i32.const 1) (i32.sub (local.get $more) (i32.const 24))))
        (global.set $number (i64.const 0))
        (loop $each
          (global.set $number (i64.or (i64.shl (global.get $number) (i64.const 8)) (i64.extend_i32_u (call $next))))
          (local.set $more (i32.sub (local.get $more) (i32.const 1)))
          (br_if $each (local.get $more)))))
    (i32.shr_u (local.get $first) (i32.const 5)))

  (func $next (result i32)
    (call $must (i32.lt_u (global.get $at) (global.get $end)))
    (i32.load8_u (global.get $at))
    (global.set $at (i32.add (global.get $at) (i32.const 1))))

  ;; ---- Writing an answer ----

  (func $answer (result i64)
    (i64.or (i64.const 0x1000_00000000) (i64.extend_i32_u (i32.sub (global.get $out) (i32.const 4096)))))

  ;; A head: what kind (0x00 a number, 0x60 a text, 0x80 a list, 0xa0 a map), and a number, a length or a count.
  (func $put_head (param $kind i32) (param $number i32)
    (if (i32.lt_u (local.get $number) (i32.const 24))
      (then (return (call $byte (i32.or (local.get $kind) (local.get $number))))))
    (if (i32.lt_u (local.get $number) (i32.const 256))
      (then (call $byte (i32.or (local.get $kind) (i32.const 24))))
      (else
        (if (i32.lt_u (local.get $number) (i32.const 65536))
          (then (call $byte (i32.or (local.get $kind) (i32.const 25))))
          (else
            (call $byte (i32.or (local.get $kind) (i32.const 26)))
            (call $byte (i32.shr_u (local.get $number) (i32.const 24)))
            (call $byte (i32.shr_u (local.get $number) (i32.const 16)))))
        (call $byte (i32.shr_u (local.get $number) (i32.const 8)))))
    (call $byte (local.get $number)))

  (func $put (param $text i64)
    (call $put_joined (local.get $text) (i64.const 0) (i64.const 0)))

  ;; One text of three.
  (func $put_joined (param $first i64) (param $second i64) (param $third i64)
    (call $put_head (i32.const 0x60)
      (i32.add (call $length (local.get $first))
        (i32.add (call $length (local.get $second)) (call $length (local.get $third)))))
    (call $copy (local.get $first))
    (call $copy (local.get $second))
    (call $copy (local.get $third)))

  ;; Bytes as they are. What does not fit traps.
  (func $copy (param $text i64)
    (call $must (i32.le_u (call $length (local.get $text)) (i32.sub (i32.const 65536) (global.get $out))))
    (memory.copy (global.get $out) (call $start (local.get $text)) (call $length (local.get $text)))
    (global.set $out (i32.add (global.get $out) (call $length (local.get $text)))))

  (func $byte (param $byte i32)
    (call $must (i32.lt_u (global.get $out) (i32.const 65536)))
    (i32.store8 (global.get $out) (local.get $byte))
    (global.set $out (i32.add (global.get $out) (i32.const 1))))

  ;; ---- Texts and memory ----

  (func $start (param $text i64) (result i32) (i32.wrap_i64 (i64.shr_u (local.get $text) (i64.const 32))))
  (func $length (param $text i64) (result i32) (i32.wrap_i64 (local.get $text)))

  ;; No text is none, not even an empty one.
  (func $is (param $text i64) (param $other i64) (result i32)
    (if (i64.eqz (local.get $text)) (then (return (i32.const 0))))
    (i32.and
      (i32.eq (call $length (local.get $text)) (call $length (local.get $other)))
      (call $begins (local.get $text) (local.get $other))))

  (func $begins (param $text i64) (param $other i64) (result i32)
    (local $left i32) (local $here i32) (local $there i32)
    (local.set $left (call $length (local.get $other)))
    (local.set $here (call $start (local.get $text)))
    (local.set $there (call $start (local.get $other)))
    (if (i32.lt_u (call $length (local.get $text)) (local.get $left)) (then (return (i32.const 0))))
    (block $done
      (loop $each
        (br_if $done (i32.eqz (local.get $left)))
        (if (i32.ne (i32.load8_u (local.get $here)) (i32.load8_u (local.get $there))) (then (return (i32.const 0))))
        (local.set $here (i32.add (local.get $here) (i32.const 1)))
        (local.set $there (i32.add (local.get $there) (i32.const 1)))
        (local.set $left (i32.sub (local.get $left) (i32.const 1)))
        (br $each)))
    (i32.const 1))

  ;; A number of at most 20 digits, in 0x3e0 to 0x3f4, until the next one.
  (func $decimal (param $number i64) (result i64)
    (local $digit i32)
    (local.set $digit (i32.const 0x3f4))
    (loop $each
      (local.set $digit (i32.sub (local.get $digit) (i32.const 1)))
      (i32.store8 (local.get $digit) (i32.add (i32.const 0x30) (i32.wrap_i64 (i64.rem_u (local.get $number) (i64.const 10)))))
      (local.set $number (i64.div_u (local.get $number) (i64.const 10)))
      (br_if $each (i64.ne (local.get $number) (i64.const 0))))
    (i64.or
      (i64.shl (i64.extend_i32_u (local.get $digit)) (i64.const 32))
      (i64.extend_i32_u (i32.sub (i32.const 0x3f4) (local.get $digit)))))

  ;; Whether memory reaches so far, if need be with more of it.
  (func $reserve (param $end i32) (result i32)
    (local $pages i32)
    (local.set $pages (i32.add (i32.shr_u (local.get $end) (i32.const 16)) (i32.const 1)))
    (if (i32.le_u (local.get $pages) (memory.size)) (then (return (i32.const 1))))
    (i32.ne (memory.grow (i32.sub (local.get $pages) (memory.size))) (i32.const -1)))

  (func $must (param $is_so i32)
    (if (i32.eqz (local.get $is_so)) (then (unreachable)))))
