# frozen_string_literal: true

require_relative "service"

port, folder = ARGV
ca, key, certificate = Echo.credentials(folder, "server")
server = GRPC::RpcServer.new
pair = [{ private_key: key, cert_chain: certificate }]
server.add_http2_port("127.0.0.1:#{port}", GRPC::Core::ServerCredentials.new(ca, pair, true))
server.handle(Echo)
server.run
