//! `wasi:sockets`: there to be linked. No socket may be made, no name looked up.

use super::RunState;
use crate::execute::state::owe_call;
use wasmtime::component::{Linker, ResourceTable};
use wasmtime_wasi::{
    WasiCtx,
    p2::bindings::sockets,
    sockets::{WasiSockets, WasiSocketsCtxView},
};

/// What wasmtime-wasi needs to say no. Made when a component first asks.
pub(super) struct Denied {
    context: WasiCtx,
    table: ResourceTable,
}

/// How many things the table may hold: addresses of a network that is not there.
const MAX_HANDLES: usize = 1_000;

impl Default for Denied {
    fn default() -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_HANDLES);
        let mut context = WasiCtx::builder();
        context.allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false);
        Self { context: context.build(), table }
    }
}

pub(super) fn define(linker: &mut Linker<RunState>) -> wasmtime::Result<()> {
    let options = sockets::network::LinkOptions::default();
    sockets::network::add_to_linker::<_, WasiSockets>(linker, &options, network)?;
    sockets::instance_network::add_to_linker::<_, WasiSockets>(linker, network)?;
    sockets::ip_name_lookup::add_to_linker::<_, WasiSockets>(linker, network)?;
    sockets::tcp::add_to_linker::<_, WasiSockets>(linker, network)?;
    sockets::tcp_create_socket::add_to_linker::<_, WasiSockets>(linker, network)?;
    sockets::udp::add_to_linker::<_, WasiSockets>(linker, network)?;
    sockets::udp_create_socket::add_to_linker::<_, WasiSockets>(linker, network)
}

fn network(state: &mut RunState) -> WasiSocketsCtxView<'_> {
    owe_call(state);
    let Denied { context, table } = &mut **state.handles.denied.get_or_insert_default();
    WasiSocketsCtxView { ctx: context.sockets(), table }
}
