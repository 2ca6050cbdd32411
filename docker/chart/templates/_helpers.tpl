{{- define "switchboard.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "switchboard.secret" -}}
{{ .Values.secrets.existing | default (include "switchboard.name" .) }}
{{- end }}

{{- define "switchboard.account" -}}
{{ .Values.serviceAccount.existing | default (include "switchboard.name" .) }}
{{- end }}

{{/* Takes (root, role). What tells the pods of a role. */}}
{{- define "switchboard.selector" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .role }}
{{- end }}

{{/* Takes (root, role). */}}
{{- define "switchboard.labels" -}}
{{ include "switchboard.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{/* Takes (root, image, target): the image that the values name, or the one of the Dockerfile's target. */}}
{{- define "switchboard.image" -}}
{{- $tag := .image.tag | default .root.Values.image.tag | default .root.Chart.AppVersion }}
{{- $own := printf "switchboard-%s" .target }}
{{- $repository := .image.repository | default (list .root.Values.image.registry $own | compact | join "/") }}
{{- printf "%s:%s" $repository $tag }}
{{- end }}

{{- define "switchboard.hubTarget" -}}
{{ ternary "standalone" "hub" (or (eq .Values.mode "single") .Values.hub.rasa) }}
{{- end }}

{{/* Where pods of this release reach the hubs. */}}
{{- define "switchboard.hubUrl" -}}
http://{{ include "switchboard.name" . }}:{{ .Values.hub.service.port }}
{{- end }}

{{/* Every hub that there is or may be: a node has a line to each. Those that are not there yet are dialled until they are. */}}
{{- define "switchboard.hubUrls" -}}
{{- $name := include "switchboard.name" . }}
{{- $urls := list }}
{{- range $i := until (int (ternary .Values.hub.autoscaling.max .Values.hub.replicas .Values.hub.autoscaling.enabled)) }}
{{- $urls = append $urls (printf "http://%s-hub-%d.%s-hubs:5005" $name $i $name) }}
{{- end }}
{{- join "," $urls }}
{{- end }}

{{- define "switchboard.publicUrl" -}}
{{- with .Values.hub }}
{{- if .publicUrl }}{{ .publicUrl }}{{ else if and .ingress.enabled .ingress.host }}{{ ternary "https" "http" (ne .ingress.tlsSecret "") }}://{{ .ingress.host }}{{ end }}
{{- end }}
{{- end }}

{{/* Private hosts that bots may name: the operator's, and the action server. */}}
{{- define "switchboard.egressAllow" -}}
{{- $hosts := .Values.hub.egressAllow }}
{{- if .Values.actionServer.enabled }}{{ $hosts = append $hosts (printf "%s-actions:%d" (include "switchboard.name" .) (int .Values.actionServer.port)) }}{{ end }}
{{- if .Values.actionServer.externalUrl }}{{ $hosts = append $hosts (urlParse .Values.actionServer.externalUrl).host }}{{ end }}
{{- join "," $hosts }}
{{- end }}

{{/* A Kubernetes quantity of memory as bytes. */}}
{{- define "switchboard.bytes" -}}
{{- $text := toString . }}
{{- $units := dict "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 "Ti" 1099511627776 "k" 1000 "M" 1000000 "G" 1000000000 "T" 1000000000000 }}
{{- $unit := regexFind "[A-Za-z]+$" $text }}
{{- $number := trimSuffix $unit $text | float64 }}
{{- if and $unit (not (hasKey $units $unit)) }}{{ fail (printf "%s is no size of memory that is known here: write it as 8Gi." $text) }}{{ end }}
{{- mulf $number (get $units $unit | default 1) | int64 }}
{{- end }}

{{/* Takes (root, settings): the settings of a role over those of all, and what Kubernetes is told of the environment beside them. */}}
{{- define "switchboard.env" -}}
{{- range $name, $value := merge (dict) .settings .root.Values.settings }}
{{- if ne (toString $value) "" }}
- { name: {{ $name }}, value: {{ toString $value | quote }} }
{{- end }}
{{- end }}
{{- with concat .root.Values.env .env }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Takes (root, name, optional): a setting out of the Secret. */}}
{{- define "switchboard.fromSecret" -}}
- name: {{ .name }}
  valueFrom: { secretKeyRef: { name: {{ include "switchboard.secret" .root }}, key: {{ .name }}, optional: {{ .optional | default false }} } }
{{- end }}

{{/* Takes (root, role, of): what every pod of ours has. `of` is the role's part of the values. */}}
{{- define "switchboard.pod" -}}
serviceAccountName: {{ include "switchboard.account" .root }}
automountServiceAccountToken: false
# Names such as SWITCHBOARD_PORT of each service around are no settings of ours.
enableServiceLinks: false
# The pause container reaps what bots' processes leave behind.
shareProcessNamespace: true
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: { type: RuntimeDefault }
{{- with .of.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .of.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- $affinity := fromYaml (include "switchboard.antiAffinity" .) }}
{{- with mergeOverwrite (dict) $affinity (.of.affinity | default dict) }}
affinity: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "switchboard.antiAffinity" -}}
{{- $term := printf "labelSelector: { matchLabels: { %s } }\ntopologyKey: kubernetes.io/hostname" (include "switchboard.selector" . | replace "\n" ", ") }}
{{- if eq .of.antiAffinity "hard" }}
podAntiAffinity:
  requiredDuringSchedulingIgnoredDuringExecution:
    - {{ $term | nindent 6 | trim }}
{{- else if eq .of.antiAffinity "soft" }}
podAntiAffinity:
  preferredDuringSchedulingIgnoredDuringExecution:
    - weight: 100
      podAffinityTerm: {{ $term | nindent 8 }}
{{- end }}
{{- end }}

{{/* What every container of ours may do. */}}
{{- define "switchboard.confined" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}
