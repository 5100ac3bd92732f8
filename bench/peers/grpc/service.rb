# frozen_string_literal: true

require "google/protobuf/wrappers_pb"
require "grpc"

# What is called: a service without generated code; a text goes there and comes back.
class Echo
  include GRPC::GenericService

  self.marshal_class_method = :encode
  self.unmarshal_class_method = :decode
  self.service_name = "bench.Echo"
  rpc :Echo, Google::Protobuf::StringValue, Google::Protobuf::StringValue

  # How it is called.
  Stub = rpc_stub_class

  def echo(request, _call) = request

  # @param folder [String]
  # @param who [String] "server" or "client"
  # @return [Array<String>] the CA's certificate, the key, the certificate
  def self.credentials(folder, who)
    ["ca.crt", "#{who}.key", "#{who}.crt"].map { |name| File.read(File.join(folder, name)) }
  end
end
