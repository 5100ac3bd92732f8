# frozen_string_literal: true

require "chef"
require "chef/cookbook_uploader"
require "fileutils"
require "net/http"
require "support/fleet"

# A real Chef server on a loopback port: goiardi, in memory, with key authentication.
#
#     server = ChefServer.new(dir)
#     server.upload("/repo/cookbooks")
#     server.get("nodes/bender0")
#     server.close
class ChefServer
  VALIDATOR = "chef-validator"

  attr_reader :url

  # @param dir [String] for keys, files and the log
  # @raise [RuntimeError] where goiardi is not installed or does not come up
  def initialize(dir)
    @dir = dir
    @port = Fleet.free_port
    @url = "http://127.0.0.1:#{@port}"
    %w[keys files].each { |folder| FileUtils.mkdir_p(path(folder)) }
    @pid = start
    Fleet.eventually("goiardi serves") { serving? }
  end

  def path(name) = File.join(@dir, name)

  # @return [String] the key by which new nodes come in
  def validation_key = path("keys/#{VALIDATOR}.pem")

  # What `knife cookbook upload --all` does with a folder of cookbooks.
  def upload(folder)
    cookbooks = Chef::CookbookLoader.new(folder).load_cookbooks.values
    Chef::CookbookUploader.new(cookbooks, rest: admin, skip_syntax_check: true).upload_cookbooks
  end

  # @param item [Hash]
  def data_bag_item(bag, item)
    admin.post("data", { name: bag }) unless get("data").key?(bag)
    admin.post("data/#{bag}", item)
  end

  # @return [Object] what the server answers its admin
  def get(path) = admin.get(path)

  def log = File.read(path("goiardi.log"))

  def close
    return unless @pid

    Process.kill("KILL", @pid)
    Process.wait(@pid)
    @pid = nil
  end

  private

  def admin = @admin ||= Chef::ServerAPI.new(url, client_name: "admin", signing_key_filename: path("keys/admin.pem"))

  def start
    Process.spawn("goiardi", "--use-auth", "--verbose", "--hostname=127.0.0.1", "--ipaddress=127.0.0.1",
                  "--port=#{@port}", "--conf-root=#{path("keys")}", "--local-filestore-dir=#{path("files")}",
                  %i[out err] => path("goiardi.log"), chdir: @dir)
  rescue Errno::ENOENT
    raise "goiardi, a Chef server, is not installed: bin/setup (Debian: apt-get install goiardi)"
  end

  # Its keys are written while it already listens.
  def serving?
    raise "goiardi ended:\n#{log}" if Process.wait(@pid, Process::WNOHANG)

    [path("keys/admin.pem"), validation_key].all? { |key| File.size?(key) } &&
      Net::HTTP.get_response(URI("#{url}/nodes")).code == "401"
  rescue SystemCallError
    false
  end
end
