require 'spec_helper'
require_relative 'with_the_gem'
require 'base64'
require 'openssl'

# Named like a recipe: ChefSpec takes from it which cookbook's resources are loaded first.
describe 'flock_of_chefs::hub' do
  include_context 'with the gem'
  step_into :flock_agent, :flock_join

  let(:enrolled) { true }

  describe 'a node that is told to be no hub' do
    let(:identity) { { 'flock_id' => 'f-1', 'hub' => true } }
    recipe do
      flock_agent('default') do
        data_dir '/flock/data'
      end
    end

    it 'is left as it is where it is one, with what to do' do
      expect { chef_run }.to raise_error(/this node is the hub of the flock f-1, and `hub` is false here.* Set `hub true` \(node\['flock_of_chefs'\]\['hub'\]\)/)
    end

    context 'which is a member' do
      let(:identity) { { 'flock_id' => 'f-1', 'hub' => false } }

      it 'goes on' do
        expect { chef_run }.not_to raise_error
      end
    end
  end

  describe 'a member that is told to be a hub' do
    let(:identity) { { 'flock_id' => 'f-1', 'hub' => false } }
    recipe do
      flock_agent('default') do
        data_dir '/flock/data'
        hub true
      end
    end

    it 'is left as it is, with what to do' do
      expect { chef_run }.to raise_error(/this node is a member of the flock f-1, and `hub` is true here.* Set `hub false` .* `flockctl leave` first/)
    end
  end

  describe 'a member whose settings have a registry' do
    let(:identity) { { 'flock_id' => 'f-1', 'hub' => false } }
    recipe do
      flock_agent('default') do
        data_dir '/flock/data'
        settings 'registry' => { 'url' => 'embedded' }
      end
    end

    it 'is left as it is as well' do
      expect { chef_run }.to raise_error(/this node is a member/)
    end
  end

  # A root and the join string of its flock.
  def flock
    key = OpenSSL::PKey::EC.generate('prime256v1')
    root = OpenSSL::X509::Certificate.new.tap do |cert|
      cert.subject = cert.issuer = OpenSSL::X509::Name.parse('/CN=root')
      cert.serial = cert.version = 2
      cert.not_before = Time.now
      cert.not_after = Time.now + 60
      cert.public_key = key
      cert.sign(key, 'SHA256')
    end
    parts = JSON.generate(h: ['hub:22222'], p: Digest::SHA256.hexdigest(key.public_to_der), t: 't', s: 'secret')
    [root.to_pem, "flock1.#{Base64.urlsafe_encode64("#{parts}sum!", padding: false)}"]
  end

  describe 'a hub that is given a join string' do
    let(:identity) { { 'flock_id' => 'f-1', 'hub' => true } }
    let(:own) { flock }
    let(:other) { flock }
    let(:lines) { [] }
    recipe do
      flock_agent('default') do
        data_dir '/flock/data'
        hub true
        action :create
      end
      flock_join('default') { file '/token' }
    end

    def told(string)
      allow(File).to receive(:exist?).with('/token').and_return(!string.nil?)
      allow(File).to receive(:read).with('/token').and_return(string)
      allow(File).to receive(:read).with('/flock/data/identity/roots.pem').and_return(own.first)
      allow(Chef::Log).to receive(:warn) { |line| lines << line }
      chef_run
      lines.grep(/flock_join/)
    end

    it 'says so where it is of another flock' do
      expect(told(other.last)).to match([/nothing joined: this node is the hub of a flock of its own, f-1, and the join string is another flock's/])
    end

    it 'says nothing where it is of its own, none, or nothing that can be read' do
      expect([own.last, nil, 'flock1.x'].map { |string| told(string) }).to eq([[], [], []])
    end
  end
end
