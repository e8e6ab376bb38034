// A rhea client: `client.js send|receive` with the options of the Python scripts; one JSON line for each thing that happens.
'use strict';

const crypto = require('crypto');
const fs = require('fs');
const { parseArgs } = require('util');
const rhea = require('rhea');

const { values: args, positionals } = parseArgs({
    allowPositionals: true,
    options: {
        url: { type: 'string' },
        address: { type: 'string' },
        count: { type: 'string', default: '1' },
        sizes: { type: 'string', default: '10' },
        window: { type: 'string', default: '0' },
        credit: { type: 'string', default: '50' },
        outcome: { type: 'string', default: 'accepted' },
        settled: { type: 'boolean', default: false },
        drain: { type: 'boolean', default: false },
        keep: { type: 'boolean', default: false },
        reconnect: { type: 'boolean', default: false },
        ca: { type: 'string' },
    },
});
const count = Number(args.count);
const [host, port] = args.url.split(':');

function emit(event, fields) {
    process.stdout.write(JSON.stringify({ event, ...fields }) + '\n');
}

function digest(body) {
    return crypto.createHash('sha256').update(body).digest('hex');
}

function done(context) {
    emit('done');
    if (!args.keep) {
        context.connection.close();
    }
}

function send(connection) {
    const sizes = args.sizes.split(',').map(Number);
    const window = Number(args.window) || count;
    const indexes = new Map();
    let sent = 0;
    let settled = 0;

    function next(context) {
        while (context.sender.sendable() && sent < count && indexes.size < window) {
            const body = crypto.randomBytes(sizes[sent % sizes.length]);
            const delivery = context.sender.send({ message_id: sent, body: rhea.message.data_section(body) });
            emit('sent', { index: sent, size: body.length, sha256: digest(body) });
            if (args.settled) {
                settled += 1;
            } else {
                indexes.set(delivery, sent);
            }
            sent += 1;
        }
        if (args.settled && settled === count) {
            done(context);
        }
    }

    connection.on('sendable', next);
    connection.on('settled', (context) => {
        const index = indexes.get(context.delivery);
        indexes.delete(context.delivery);
        const state = context.delivery.remote_state;
        const error = state.error || {};
        emit('outcome', {
            index,
            state: state.constructor.composite_type,
            condition: error.condition || null,
            description: error.description || null,
            failed: Boolean(state.delivery_failed),
            undeliverable: Boolean(state.undeliverable_here),
        });
        settled += 1;
        if (settled === count) {
            done(context);
        } else {
            next(context);
        }
    });
    connection.on('disconnected', () => indexes.clear());
    connection.open_sender({ target: { address: args.address }, snd_settle_mode: args.settled ? 1 : 0 });
}

function receive(connection) {
    const outcomes = args.outcome.split(',');
    const credit = Number(args.credit);
    let received = 0;

    function give(delivery, outcome) {
        if (outcome === 'accepted') {
            delivery.accept();
        } else if (outcome === 'rejected') {
            delivery.reject({ condition: 'test:refused', description: 'not today' });
        } else if (outcome === 'released') {
            delivery.release();
        } else if (outcome === 'modified') {
            delivery.modified({ delivery_failed: true, undeliverable_here: true });
        }
    }

    function settle(context, index) {
        give(context.delivery, outcomes[index % outcomes.length]);
        if (!args.drain && context.receiver.credit * 2 < credit) {
            context.receiver.add_credit(credit - context.receiver.credit);
        }
        if (index + 1 === count) {
            if (args.drain) {
                context.receiver.drain_credit();
            } else {
                done(context);
            }
        }
    }

    connection.on('receiver_open', (context) => {
        emit('attached', { address: context.receiver.source.address });
        context.receiver.add_credit(credit);
    });
    connection.on('message', (context) => {
        const body = context.message.body.content;
        emit('message', {
            index: received,
            size: body.length,
            sha256: digest(body),
            settled: Boolean(context.delivery.remote_settled),
        });
        const index = received;
        received += 1;
        // each in a turn of its own: rhea writes different outcomes of one turn as one disposition
        setImmediate(() => settle(context, index));
    });
    connection.on('receiver_drained', (context) => {
        emit('drained', { credit: context.receiver.credit });
        done(context);
    });
    connection.open_receiver({ source: { address: args.address }, autoaccept: false, credit_window: 0 });
}

const tls = args.ca ? { transport: 'tls', ca: fs.readFileSync(args.ca), servername: 'localhost' } : {};
const backoff = { reconnect: args.reconnect, initial_reconnect_delay: 100, max_reconnect_delay: 100 };
const connection = rhea.connect({ host, port, ...backoff, ...tls });
connection.on('disconnected', () => emit('disconnected'));
connection.on('connection_error', (context) => emit('closed', { condition: context.connection.error.condition }));
(positionals[0] === 'send' ? send : receive)(connection);
