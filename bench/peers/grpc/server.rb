# frozen_string_literal: true

require_relative "service"

port, folder = ARGV
ca, key, certificate = Echo.credentials(folder, "server")
# Of the usual 30 threads 16 callers sometimes find none free, and are refused.
server = GRPC::RpcServer.new(pool_size: 64)
pair = [{ private_key: key, cert_chain: certificate }]
server.add_http2_port("127.0.0.1:#{port}", GRPC::Core::ServerCredentials.new(ca, pair, true))
server.handle(Echo)
server.run
