"""
Which module of gamenet stands on which floor.

The floors are those of C{docs/architecture.rst}; L{tests.layer_rules} says what
each may do.  A module that is not listed here fails L{tests.test_layers}: whoever
adds one decides where it stands.
"""

from __future__ import annotations

__all__ = ["DECISIONS", "DOORS", "FLOOR_NAMES", "PROTOCOLS", "SERVICES", "TWIN", "VALUES", "floors"]

VALUES = 0
DECISIONS = 1
PROTOCOLS = 2
SERVICES = 3
DOORS = 4

#: The simulated outside: on no floor, it may use values and nothing else.
TWIN = -1

FLOOR_NAMES = {
    VALUES: "values",
    DECISIONS: "decisions",
    PROTOCOLS: "protocols",
    SERVICES: "services",
    DOORS: "doors",
    TWIN: "twin",
}

#: Per floor and folder (C{""} is gamenet itself): the modules there.
PLAN: tuple[tuple[int, str, str], ...] = (
    (
        VALUES,
        "",
        "__init__ bounds errors interfaces match_interfaces rollback_interfaces"
        " seeded_random session_interfaces",
    ),
    (
        VALUES,
        "wire",
        """
        __init__ backfill_packets canonical_cbor channel_frames channel_values demultiplexing
        feed_packets frame_runs
        framing handshake_packets goodbyes heartbeats input_frames lobby_answers lobby_fields
        lobby_match_answers
        lobby_match_requests lobby_messages lobby_refusals lobby_requests lobby_values
        lobby_versions
        log_commands log_election log_events log_fields
        log_messages log_values match_log_format match_log_records mesh_messages
        match_statements start_packets
        nat_discovery
        opaque_string password_algorithms path_checks peer_packets peer_terms replay_chunks
        replay_columns
        replay_file replay_reader run_length session_id source_network
        state_packets stun stun_attributes transfer_packets transport_address turn
        turn_credentials turn_stream turn_transport view_messages view_values
        """,
    ),
    (VALUES, "fixed_point", "__init__ arithmetic number trigonometry vector2 vector3"),
    (
        PROTOCOLS,
        "machine",
        """
        __init__ alarm certificates datagram_socket demultiplexer epoll_turns open_files
        own_addresses reactor_machine receiver_faults socket_options sparse_log tls_endpoint
        """,
    ),
    (
        DECISIONS,
        "agreement",
        """
        __init__ acceptance agreement commits events proposal reception settings state turns
        view
        """,
    ),
    (
        DECISIONS,
        "channel",
        """
        __init__ channel congestion_control controls errors outgoing_pieces packets_in_flight
        path_control queue_delay reassembly received_numbers receipts round_trip
        session_transfer settings statistics streams transfer_ends transfers
        """,
    ),
    (
        DECISIONS,
        "feed",
        """
        __init__ broadcast events fed_follower follower incoming_transfer
        outgoing_transfer settings transfer transfer_outcomes transfer_settings
        """,
    ),
    (
        DECISIONS,
        "rollback",
        """
        __init__ backfill checksum_comparison confirmation control_exchange
        delay_recommendation effects events frame_advantage frame_schedule frame_steps
        hosting input_exchange input_queue input_table interpolation joining
        local_inputs lockstep membership peerless_session play progress recommendations
        remote_peer saved_states seat_events session session_events session_readings session_state
        settings state_difference state_dump state_events state_exchange statistics
        steps time_sync timeline timeline_rules
        """,
    ),
    (DECISIONS, "determinism", "__init__ check report session"),
    (DECISIONS, "match_log", "__init__ logged_states match_log reader"),
    (DECISIONS, "replay", "__init__ playback recorder replay session"),
    (DECISIONS, "spectator", "__init__ session settings stream_delay"),
    (
        DECISIONS,
        "relay_plane",
        "__init__ allowance counters data_plane flow grants port_range relay_host relayed_port",
    ),
    (PROTOCOLS, "relay_plane", "port_opener port_socket python_plane routing_table"),
    (DECISIONS, "stun_server", "__init__ binding binding_budget discovery"),
    (PROTOCOLS, "stun_server", "binding_sockets"),
    (
        DECISIONS,
        "relay",
        """
        __init__ address_ranges allocating allocation allocation_table asked authentication
        control_plane credentials deletions embedded_addresses methods nonce peer_policy
        quotas refusal_budget relay_hosts requests reservation settings
        """,
    ),
    (PROTOCOLS, "relay", "drain protocol stream_clients"),
    (
        DECISIONS,
        "turn_client",
        "__init__ alternate_servers channel_numbers credential ice_servers raising_sender settings",
    ),
    (
        PROTOCOLS,
        "turn_client",
        """
        client connection_setup keep_alive kept_allocation relay_connection relayed_socket
        requests transactions wanted_peers
        """,
    ),
    (
        DECISIONS,
        "lobby",
        """
        __init__ admission counters directory effects endpoint_security presence relay_offer
        request_budget results seating sessions settings standing ticket
        """,
    ),
    (
        PROTOCOLS,
        "lobby",
        """
        client client_binding client_heartbeats client_requests client_stream datagrams
        listener moments protocol stream stream_log
        """,
    ),
    (
        DECISIONS,
        "event_log",
        """
        __init__ branches changes commands election errors event_log following history hosting
        outbox outcomes own_commands reach replica rivals settings shared_state snapshot standing
        """,
    ),
    (
        DECISIONS,
        "sealing",
        """
        __init__ cookies handshakes initiator known_peer link_keys player_keys replay_window
        responder sealed_link settings transcript
        """,
    ),
    (DECISIONS, "traversal", "__init__ candidates punch"),
    (PROTOCOLS, "traversal", "agent"),
    (
        DECISIONS,
        "mesh",
        """
        clock_offset link_report link_settings loss_meter path resume_secret
        """,
    ),
    (
        PROTOCOLS,
        "mesh",
        """
        __init__ admission handshake_exchange introductions link link_channel link_checks
        match_keys mesh mesh_listener mesh_peer mesh_secret mesh_transfer own_relay route_watch
        sockets whereabouts
        """,
    ),
    (
        DECISIONS,
        "match",
        """
        attachments barrier configuration difference farewell lockstep_turns loop_readings pace
        result rollback_choices seats session_settings session_steps settings silence start
        """,
    ),
    (
        PROTOCOLS,
        "match",
        """
        __init__ announcements conclusion frame_loop leaving loading lobby_reports match moments
        observed_simulation participation peer peers player playing protocol reaching readings
        recording returning session session_moments session_protocol shared_match shared_session
        stage statistics
        """,
    ),
    (
        PROTOCOLS,
        "polled",
        "errors events interfaces mailbox polled_session session_driver session_plan settings",
    ),
    (DOORS, "polled", "__init__ loops session_builder"),
    (SERVICES, "", "listening lobby_service relay_service services status"),
    (DOORS, "", "__main__ cli lobby_tap relay_tap"),
    (DECISIONS, "operation", "__init__ worker_messages worker_plan"),
    (PROTOCOLS, "operation", "json_log process_signals"),
    (
        DOORS,
        "operation",
        """
        interfaces limit_options metrics operated_service operator_options process_usage
        relay_operation relay_options reloadable single_relay supervisor worker worker_process
        """,
    ),
    (
        DOORS,
        "demo",
        """
        __init__ aftermath arena awaiting briefing casualties child command commands comparison
        conclusion corrupted_arena drawing history impairment launcher log_file orphans player
        recorder relay_status report report_tables script settings summary table tracking
        twistd_child verdict
        """,
    ),
    (
        DOORS,
        "inspector",
        """
        __init__ chart command comparison frame_data input_table logs markup overview page peer_log
        script state_view style verdict
        """,
    ),
    (
        TWIN,
        "world",
        """
        __init__ addresses clock connect_attempt counters datagram_socket link listening_port
        local_clock
        machine mapping_table nat nat_behavior network realm stream_endpoints stream_host
        stream_path streams trace transport
        """,
    ),
)


def floors() -> dict[str, int]:
    """Return the floor of each module, by its dotted name (a package's own is the package's)."""
    table = {}
    for floor, folder, names in PLAN:
        for name in names.split():
            parts = ["gamenet", folder, "" if name == "__init__" else name]
            table[".".join(part for part in parts if part)] = floor
    return table
